#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules of the tree that no compiler checks.

TAP on stdout, one test per rule; what breaks a rule is named with file and
line.  Reads only the source tree, by default the one this file lies in.
"""
import os
import re
import shutil
import subprocess
import sys

TOP = os.environ.get('top_srcdir') or os.path.join(os.path.dirname(__file__), '../..')
FOLDERS = ['proxy', 'policy-parser', 'driver-emu', 'kernel', 'tests', 'conf', 'm4', '.ci']

# What the files of a folder may include with quotes: the design's one direction,
#   base <- policy-parser <- driver-emu <- proxy
#   core <- {module, embedded} <- engine <- driver-emu
# The first folder that a file lies in decides.  What a message is and says (the wire
# format, messages, match rules, unique names) lies in proxy/, does no I/O, and is
# what driver-emu reads its calls and builds its answers with.
BASE = r'config\.h|proxy/base/'
UAPI = r'kernel/include/uapi/'
WIRE = r'proxy/(message|wire|match|unique-name)[-a-z0-9]*\.h'
INCLUDES = [
    ('kernel/core', r'kernel/core/'),
    ('kernel/include', r'$^'),
    ('kernel/module', r'kernel/(core|module)/|' + UAPI),
    # what a message consists of is the seam's word, and the host carries it
    ('kernel/embedded', r'kernel/(core|embedded)/|kernel/engine/engine\.h|' + BASE + '|' + UAPI),
    ('kernel/engine', r'kernel/|' + BASE),
    # programs of their own, by the ABI alone
    ('kernel/tools', r'kernel/(tools|engine)/|' + BASE + '|' + UAPI),
    ('proxy/base', BASE),
    ('policy-parser', r'policy-parser/|' + BASE),
    ('driver-emu', r'driver-emu/|kernel/engine/|policy-parser/|' + '|'.join([BASE, UAPI, WIRE])),
    ('proxy', r'proxy/|driver-emu/|policy-parser/|kernel/(engine|embedded)/|' + BASE + '|' + UAPI),
    ('tests', r''),
]
# what kernel/core may include with angle brackets
CORE_SYSTEM = r'linux/'


def files(*suffixes, folders=FOLDERS):
    """Paths relative to TOP, sorted."""
    found = []
    for folder in folders:
        for where, subfolders, names in os.walk(os.path.join(TOP, folder)):
            subfolders[:] = [s for s in subfolders if s not in ('data', 'corpus', '__pycache__')]
            found += [os.path.relpath(os.path.join(where, n), TOP) for n in names
                      if n.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as f:
        return f.read()


def includes_point_one_way():
    for path in files('.c', '.h'):
        folder, allowed = next(i for i in INCLUDES if path.startswith(i[0] + '/'))
        for number, line in enumerate(read(path).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*(["<])([^">]*)', line)
            if not match:
                continue
            quote, name = match.groups()
            if quote == '"' and not re.match(allowed, name):
                yield f'{path}:{number}: "{name}" from {folder}/'
            if quote == '<' and folder == 'kernel/core' and not re.match(CORE_SYSTEM, name):
                yield f'{path}:{number}: <{name}> from {folder}/'


def core_knows_no_host():
    for path in files('.c', '.h', folders=['kernel/core']):
        for number, line in enumerate(read(path).splitlines(), 1):
            if '__KERNEL__' in line or re.search(r'\bcurrent\b(?!.*\*/)\s*->', line):
                yield f'{path}:{number}: {line.strip()}'


def files_carry_a_licence():
    tops = ['configure.ac', 'Makefile.am', 'autogen.sh', 'quickstart', 'run-tests', '.ci/run']
    kinds = ('.c', '.h', '.sh', '.py', '.mk', '.m4')
    for path in tops + files(*kinds):
        if 'SPDX-License-Identifier: LGPL-2.1-or-later' not in read(path)[:300] and \
           'SPDX-License-Identifier: (' not in read(path)[:300]:
            yield f'{path}: no SPDX line'


def headers_are_guarded():
    """#pragma once in userspace; guards in what the kernel compiles; either in its hosts."""
    for path in files('.h'):
        text = read(path)
        guard = re.search(r'^#ifndef (\w+)\n#define \1\b', text, re.M)
        pragma = re.search(r'^#pragma once$', text, re.M)
        if not (guard if re.match('kernel/(core|include|module)/', path) else
                guard or pragma if path.startswith('kernel/') else pragma):
            yield f'{path}: not guarded as the headers of its folder are'


def documented(path):
    """(line number, comment, what it describes) of each /** comment."""
    lines = read(path).splitlines()
    for start, line in enumerate(lines):
        if line != '/**':
            continue
        end = next(i for i in range(start, len(lines)) if lines[i].endswith('*/'))
        is_block = re.match(r' \* (struct|enum) ', lines[start + 1])
        last = end + 1
        while last < len(lines) - 1 and not re.match(r'[{}]' if is_block else r'[{}]|.*;$',
                                                     lines[last]):
            last += 1
        yield start + 1, '\n'.join(lines[start:end]), '\n'.join(lines[end + 1:last + 1])


def comments_name_what_they_describe():
    """/** foo() - ... with @arg lines: foo and its args are what follows."""
    for path in files('.c', '.h'):
        for line, comment, code in documented(path):
            title = re.match(r'/\*\*\n \* (?:struct |enum |DOC: )?(\w+)(\(\))? - ', comment)
            if not title:
                yield f'{path}:{line}: a /** comment without "name - what it is"'
                continue
            if not re.search(rf'\b{title[1]}\b', code):
                yield f'{path}:{line}: describes {title[1]}, which does not follow'
            for argument in re.findall(r'^ \* @(\w+):', comment, re.M):
                if not re.search(rf'\b{argument}\b', code):
                    yield f'{path}:{line}: describes @{argument}, which {title[1]} has not'


def functions_are_described():
    """A prototype has a comment above it, or above the block it belongs to.

    Constructors and destructors with the usual names need none, nor does what the
    files of one library have between them.
    """
    usual = r'\w+_(init|deinit|free|ref|unref)\('
    for path in files('.h', folders=['proxy', 'policy-parser', 'driver-emu', 'kernel/engine']):
        if re.search(r'-(inner|internal|private)\.h$', path):
            continue
        described = False
        for number, line in enumerate(read(path).splitlines(), 1):
            if not line.strip():
                described = False
            elif re.search(r'\*/\s*$', line) and not re.match(r'\t', line):
                described = True
            elif re.match(r'(?!typedef|static|extern|#|DEFINE_)[a-z_][\w *]*\b\w+\(', line):
                if not described and not re.search(usual, line):
                    yield f'{path}:{number}: {line}'
                described = True


def shell_scripts_pass_shellcheck():
    if not shutil.which('shellcheck'):
        return 'no shellcheck'
    scripts = ['quickstart', 'run-tests', 'autogen.sh', '.ci/run'] + files('.sh')
    for path in files(''):
        if path not in scripts and '.' not in os.path.basename(path):
            with open(os.path.join(TOP, path), 'rb') as f:
                if re.match(rb'#!.*\b(ba)?sh\b', f.readline()):
                    scripts.append(path)
    run = subprocess.run(['shellcheck', '-x', '-f', 'gcc'] + scripts, cwd=TOP,
                         stdout=subprocess.PIPE, text=True, check=False)
    return run.stdout.splitlines()


def documents_name_what_exists():
    """Links, and the commands of indented or fenced blocks: ./PROGRAM and make TARGET."""
    rules = '\n'.join(read(p) for p in ['Makefile.am'] + files('.mk'))
    targets = set(re.findall(r'^([-\w]+):', rules, re.M)) | {
        'all', 'check', 'install', 'distcheck', 'clean', 'uninstall', 'installcheck'}
    for path in [n for n in os.listdir(TOP) if n.endswith('.md')] + files('.md'):
        folder = os.path.dirname(path)
        for number, line in enumerate(read(path).splitlines(), 1):
            wanted = re.findall(r'\]\((?!https?:)([^)#]+)\)', line)
            if re.match(r'( {4}|\t|\$ )', line):
                wanted += re.findall(r'(?:^|\s)\./([\w-]+)(?=\s|$)', line)
                for target in re.findall(r'\bmake ((?:check|bench|lint|dist|install)[-\w]*)', line):
                    if target not in targets:
                        yield f'{path}:{number}: no target {target}'
            for name in wanted:
                if name in ('configure', 'bus-bench', 'bus-proxyd') or name.startswith('test-'):
                    continue
                if not os.path.exists(os.path.join(TOP, folder, name)) and \
                   not os.path.exists(os.path.join(TOP, name)):
                    yield f'{path}:{number}: there is no {name}'


def differences_are_pinned():
    """Each entry of DIFFERENCES.md names a test that names it, and the other way round."""
    entries = {}
    for match in re.finditer(r'^\| ([a-z][a-z-]+) \|.*\| (\S+) \|$', read('DIFFERENCES.md'), re.M):
        entries[match[1]] = match[2]
    entries.pop('id')
    for path in files('.c', '.py', '.sh', folders=['tests']):
        for name in re.findall(r'DIFFERENCES ([a-z][a-z-]+)', read(path)):
            if name not in entries and path != 'tests/lint/lint.py':
                yield f'{path}: there is no entry {name} in DIFFERENCES.md'
    for path in files('.expected', folders=['tests']):
        for name in re.findall(r'^([a-z][a-z-]+)\??\s', read(path), re.M):
            if name not in entries:
                yield f'{path}: there is no entry {name} in DIFFERENCES.md'
    for name, path in entries.items():
        if not os.path.exists(os.path.join(TOP, path)) or f'DIFFERENCES {name}' not in read(path):
            yield f'DIFFERENCES.md: {path} does not name {name}'


# what the top of the tree has, and where files may be that are no text
TOP_ENTRIES = set('''.ci .clang-format .editorconfig .gitignore COPYING DIFFERENCES.md HACKING.md
    Makefile.am NEWS.md README.md SECURITY.md autogen.sh conf configure.ac driver-emu kernel m4
    policy-parser proxy quickstart run-tests tests'''.split())
BINARIES = ('tests/fuzz/corpus/', 'tests/data/')


def tracked_files_belong():
    run = subprocess.run(['git', 'ls-files', '-z'], cwd=TOP, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=False)
    if run.returncode:
        return 'not a checkout'
    found = []
    for path in filter(None, run.stdout.split('\0')):
        if path.split('/')[0] not in TOP_ENTRIES:
            found.append(f'{path}: the top of the tree has no such entry')
        elif not path.startswith(BINARIES) and os.path.isfile(os.path.join(TOP, path)):
            with open(os.path.join(TOP, path), 'rb') as f:
                if b'\0' in f.read(4096):
                    found.append(f'{path}: not a text')
    return found


RULES = [includes_point_one_way, core_knows_no_host, files_carry_a_licence, headers_are_guarded,
         comments_name_what_they_describe, functions_are_described, shell_scripts_pass_shellcheck,
         documents_name_what_exists, differences_are_pinned, tracked_files_belong]


def main():
    failed = 0
    print(f'1..{len(RULES)}')
    for number, rule in enumerate(RULES, 1):
        # a generator; or a list of findings; or a string: why the rule cannot be checked
        found = rule()
        if isinstance(found, str):
            print(f'ok {number} - {rule.__name__} # SKIP {found}')
            continue
        found = list(found)
        for line in found:
            print('#', line)
        print('not ok' if found else 'ok', number, '-', rule.__name__)
        failed += bool(found)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
