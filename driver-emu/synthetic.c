/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synthetic messages
 *
 * See the specification, "Message Bus Messages", for what they look like.
 * NameAcquired and NameLost always carry a DESTINATION: clients ignore those that
 * do not.
 */
#include "driver-emu/synthetic.h"

static void begin(struct wire_writer *writer, enum wire_type type, uint32_t reply_serial,
		  const char *destination)
{
	wire_writer_init(writer, type, WIRE_NO_REPLY_EXPECTED, SYNTHETIC_SERIAL);
	if (reply_serial)
		wire_put_field_u32(writer, WIRE_FIELD_REPLY_SERIAL, reply_serial);
	if (destination)
		wire_put_field_string(writer, WIRE_FIELD_DESTINATION, destination);
}

static int signal_of_driver(const char *member, const char *destination, const char *const *args,
			    const char *signature, struct message **message_out)
{
	struct wire_writer writer;

	begin(&writer, WIRE_SIGNAL, 0, destination);
	wire_put_field_string(&writer, WIRE_FIELD_PATH, DRIVER_PATH);
	wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, DRIVER_INTERFACE);
	wire_put_field_string(&writer, WIRE_FIELD_MEMBER, member);
	wire_put_field_string(&writer, WIRE_FIELD_SENDER, DRIVER_NAME);
	wire_put_body(&writer, signature);
	for (; *signature; signature++)
		wire_put_string(&writer, *args++);
	return message_new_finish(&writer, message_out);
}

int synthetic_name_owner_changed(const char *name, const char *old_owner, const char *new_owner,
				 const char *destination, struct message **message_out)
{
	const char *const args[] = {name, old_owner, new_owner};

	return signal_of_driver("NameOwnerChanged", destination, args, "sss", message_out);
}

int synthetic_name_acquired(const char *name, const char *destination, struct message **message_out)
{
	return signal_of_driver("NameAcquired", destination, &name, "s", message_out);
}

int synthetic_name_lost(const char *name, const char *destination, struct message **message_out)
{
	return signal_of_driver("NameLost", destination, &name, "s", message_out);
}

int synthetic_activatable_services_changed(struct message **message_out)
{
	return signal_of_driver("ActivatableServicesChanged", NULL, NULL, "", message_out);
}

static int make_error(const char *sender, uint32_t reply_serial, const char *destination,
		      const char *name, const char *text, struct message **message_out)
{
	struct wire_writer writer;

	begin(&writer, WIRE_ERROR, reply_serial, destination);
	wire_put_field_string(&writer, WIRE_FIELD_ERROR_NAME, name);
	wire_put_field_string(&writer, WIRE_FIELD_SENDER, sender);
	wire_put_body(&writer, "s");
	wire_put_string(&writer, text);
	return message_new_finish(&writer, message_out);
}

int synthetic_error_named(uint32_t reply_serial, const char *destination, const char *name,
			  const char *text, struct message **message_out)
{
	return make_error(DRIVER_NAME, reply_serial, destination, name, text, message_out);
}

int synthetic_error(uint32_t reply_serial, const char *destination, enum driver_error error,
		    const char *text, struct message **message_out)
{
	return synthetic_error_named(reply_serial, destination, driver_error_name(error),
				     text ?: driver_error_text(error), message_out);
}

int synthetic_error_from(const char *sender, uint32_t reply_serial, const char *destination,
			 enum driver_error error, const char *text, struct message **message_out)
{
	return make_error(sender, reply_serial, destination, driver_error_name(error),
			  text ?: driver_error_text(error), message_out);
}

void synthetic_return_init(struct wire_writer *writer, uint32_t reply_serial,
			   const char *destination, const char *signature)
{
	begin(writer, WIRE_RETURN, reply_serial, destination);
	wire_put_field_string(writer, WIRE_FIELD_SENDER, DRIVER_NAME);
	wire_put_body(writer, signature);
}

/* unique name of an owner that counts, or "" */
static uint64_t change_owner(uint64_t id, uint64_t offset, bool counts, char *owner_out)
{
	if (!id || !counts) {
		owner_out[0] = '\0';
		return 0;
	}
	unique_name_format(id, offset, owner_out);
	return id;
}

bool synthetic_change_init(struct synthetic_change *change,
			   const struct engine_notification *notification, uint64_t offset)
{
	const uint64_t absent = KDBUS_NAME_ACTIVATOR | KDBUS_NAME_IN_QUEUE;
	bool old_counts, new_counts;

	switch (notification->type) {
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		old_counts = notification->type == KDBUS_ITEM_ID_REMOVE &&
			     !(notification->old_flags & ENGINE_NO_PEER);
		new_counts = notification->type == KDBUS_ITEM_ID_ADD &&
			     !(notification->new_flags & ENGINE_NO_PEER);
		break;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		old_counts = !(notification->old_flags & absent);
		new_counts = !(notification->new_flags & absent);
		break;
	default:
		return false;
	}

	change->old_id = change_owner(notification->old_id, offset, old_counts, change->old_owner);
	change->new_id = change_owner(notification->new_id, offset, new_counts, change->new_owner);
	if (change->old_id == change->new_id)
		return false;
	if (notification->type == KDBUS_ITEM_ID_ADD)
		change->name = change->new_owner;
	else if (notification->type == KDBUS_ITEM_ID_REMOVE)
		change->name = change->old_owner;
	else
		change->name = notification->name;
	return true;
}
