/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver's interfaces: what there is, and where
 *
 * Calls are dispatched by these tables, and introspection data is made from them.
 * See the specification, "Message Bus Messages".
 */
#include <string.h>

#include "driver-emu/driver-internal.h"

#define CANONICAL  DRIVER_METHOD_CANONICAL
#define PRIVILEGED DRIVER_METHOD_PRIVILEGED
#define EARLY	   DRIVER_METHOD_EARLY
#define EFFECT	   DRIVER_METHOD_EFFECT
#define OWNER	   DRIVER_METHOD_OWNER

static const struct driver_method dbus_methods[] = {
	{"Hello", "", "s", driver_run_hello, EARLY | EFFECT},
	{"RequestName", "su", "u", driver_run_request_name, EFFECT},
	{"ReleaseName", "s", "u", driver_run_release_name, EFFECT},
	{"StartServiceByName", "su", "u", driver_run_start_service, OWNER},
	{"UpdateActivationEnvironment", "a{ss}", "", driver_run_update_environment,
	 CANONICAL | PRIVILEGED | EFFECT | OWNER},
	{"NameHasOwner", "s", "b", driver_run_name_has_owner, 0},
	{"ListNames", "", "as", driver_run_list_names, 0},
	{"ListActivatableNames", "", "as", driver_run_list_activatable_names, OWNER},
	{"AddMatch", "s", "", driver_run_add_match, EFFECT},
	{"RemoveMatch", "s", "", driver_run_remove_match, EFFECT},
	{"GetNameOwner", "s", "s", driver_run_get_name_owner, 0},
	{"ListQueuedOwners", "s", "as", driver_run_list_queued_owners, 0},
	{"GetConnectionUnixUser", "s", "u", driver_run_get_unix_user, 0},
	{"GetConnectionUnixProcessID", "s", "u", driver_run_get_unix_process_id, 0},
	{"GetAdtAuditSessionData", "s", "ay", driver_run_get_adt_audit_session_data, 0},
	{"GetConnectionSELinuxSecurityContext", "s", "ay", driver_run_get_selinux_security_context,
	 0},
	{"ReloadConfig", "", "", driver_run_reload_config, EFFECT | OWNER},
	{"GetId", "", "s", driver_run_get_id, 0},
	{"GetConnectionCredentials", "s", "a{sv}", driver_run_get_credentials, 0},
	{NULL},
};

static const struct driver_signal dbus_signals[] = {
	{"NameOwnerChanged", "sss", NULL},
	{"NameLost", "s", NULL},
	{"NameAcquired", "s", NULL},
	{"ActivatableServicesChanged", "", NULL},
	{NULL},
};

static const struct driver_property dbus_properties[] = {
	{"Features", "as", driver_put_features},
	{"Interfaces", "as", driver_put_interfaces},
	{NULL},
};

static const struct driver_method properties_methods[] = {
	{"Get", "ss", "v", driver_run_get_property, 0},
	{"GetAll", "s", "a{sv}", driver_run_get_all_properties, 0},
	{"Set", "ssv", "", driver_run_set_property, 0},
	{NULL},
};

static const char *const properties_changed_args[] = {
	"interface_name",
	"changed_properties",
	"invalidated_properties",
};

static const struct driver_signal properties_signals[] = {
	{"PropertiesChanged", "sa{sv}as", properties_changed_args},
	{NULL},
};

static const struct driver_method introspectable_methods[] = {
	{"Introspect", "", "s", driver_run_introspect, 0},
	{NULL},
};

static const struct driver_method monitoring_methods[] = {
	{"BecomeMonitor", "asu", "", driver_run_become_monitor, PRIVILEGED | EFFECT | OWNER},
	{NULL},
};

static const struct driver_method stats_methods[] = {
	{"GetStats", "", "a{sv}", driver_run_get_stats, OWNER},
	{"GetConnectionStats", "s", "a{sv}", driver_run_get_connection_stats, OWNER},
	{"GetAllMatchRules", "", "a{sas}", driver_run_get_all_match_rules, OWNER},
	{NULL},
};

static const struct driver_method peer_methods[] = {
	{"GetMachineId", "", "s", driver_run_get_machine_id, 0},
	{"Ping", "", "", driver_run_ping, 0},
	{NULL},
};

const struct driver_interface driver_interfaces[] = {
	{DRIVER_INTERFACE, false, false, dbus_methods, dbus_signals, dbus_properties},
	{DRIVER_INTERFACE ".Properties", true, false, properties_methods, properties_signals, NULL},
	{DRIVER_INTERFACE ".Introspectable", false, false, introspectable_methods, NULL, NULL},
	{DRIVER_INTERFACE ".Monitoring", true, true, monitoring_methods, NULL, NULL},
	{DRIVER_INTERFACE ".Debug.Stats", true, true, stats_methods, NULL, NULL},
	{DRIVER_INTERFACE ".Peer", false, false, peer_methods, NULL, NULL},
	{NULL},
};

const struct driver_interface *driver_find_interface(const char *name)
{
	for (const struct driver_interface *interface = driver_interfaces; interface->name;
	     interface++)
		if (strcmp(interface->name, name) == 0)
			return interface;
	return NULL;
}
