"""Starts a training program as `python -m MODULE ARGS` would, inside a replica.

    python hodei_start.py MODULE [ARG ...]

What it adds to `python -m`:
  * the root logger writes structured lines at INFO until the program configures logging itself;
  * the lines a user of the original service knows ("Running module …", "Task completed …");
  * a missing module is explained: what the job's packages provide, or how to get the library.

The program runs in this process as the real __main__: pickling, multiprocessing, signals, exit
codes and atexit behave as without us. Works on every Python 3.6 and later.

Every job waits for the imports of this file: what not every job needs is imported where it is used.
"""
import atexit
import importlib.machinery
import importlib.util
import os
import runpy
import sys
import time
import warnings

try:
    from _json import encode_basestring_ascii as _quoted, make_scanner as _make_scanner
except ImportError:  # another Python than CPython
    from json.encoder import py_encode_basestring_ascii as _quoted
    _make_scanner = None

PACKAGES = "/opt/hodei/packages"
BUCKET_FILES = "/gcs"
MODULES_LISTED_MAX = 20
_UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def _severity(levelno):
    for limit, name in ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO")):
        if levelno >= limit:
            return name
    return "DEBUG"


def _write_line(entry):
    """One JSON object of texts and numbers on one line of stderr, in as few writes as the pipe allows."""
    members = ("%s:%s" % (_quoted(name), _quoted(value) if isinstance(value, str) else repr(value))
               for name, value in entry.items())
    line = ("{%s}\n" % ",".join(members)).encode("ascii")
    while line:
        try:
            line = line[os.write(2, line):]
        except OSError:
            return


def install_logging():
    """Gives the root logger our handler; the program has just imported logging, or is about to."""
    import functools
    import logging

    class StructuredHandler(logging.Handler):
        """Writes each record as one JSON line, and nothing once the program has its own handler."""

        def emit(self, record):
            if any(handler is not self for handler in logging.getLogger().handlers):
                return
            try:
                _write_line({
                    "severity": _severity(record.levelno),
                    "message": self.format(record),
                    "levelname": record.levelname,
                    "lineno": record.lineno,
                    "pathname": record.pathname,
                    "created": record.created,
                })
            except Exception:  # the rule of logging: a bad record never stops the program
                self.handleError(record)

    root = logging.getLogger()
    handler = StructuredHandler()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    original = logging.basicConfig

    # basicConfig() does nothing when the root logger has a handler, so ours must go first: a
    # program that calls it gets exactly what it gets anywhere else.
    @functools.wraps(original)
    def basic_config(*args, **kwargs):
        logging.basicConfig = original
        if handler in root.handlers:
            root.removeHandler(handler)
            if root.level == logging.INFO:
                root.setLevel(logging.WARNING)
        return original(*args, **kwargs)

    logging.basicConfig = basic_config


class AfterImport(object):
    """Calls `then()` right after the first import of a module of the standard library."""

    def __init__(self, name, then):
        self.name, self.then = name, then

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.then()

        spec.loader.exec_module = exec_module
        return spec


def when_imported(name, then):
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, AfterImport(name, then))


def install_warnings():
    """A Python warning is one entry of severity WARNING, not two lines of stderr at ERROR."""
    original = warnings.showwarning

    def show_warning(message, category, filename, lineno, file=None, line=None):
        if file is not None:
            original(message, category, filename, lineno, file, line)
            return
        text = warnings.formatwarning(message, category, filename, lineno, line)
        _write_line({"severity": "WARNING", "message": text.rstrip(), "levelname": "WARNING",
                     "lineno": lineno, "pathname": filename, "created": time.time()})

    warnings.showwarning = show_warning


def say(message, severity="INFO"):
    _write_line({"severity": severity, "message": message})


def _shell_word(word):
    if word and _UNQUOTED.issuperset(word):
        return word
    import shlex
    return shlex.quote(word)


class _JsonRules(object):
    """How the scanner below json.loads() is told what to make of a text."""
    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def _parsed(text):
    """json.loads() without its package, whose import takes as long as a third of Python's own start."""
    if _make_scanner is not None:
        try:
            value, end = _make_scanner(_JsonRules)(text, 0)
            if end == len(text):
                return value
        except (StopIteration, ValueError, SystemError):  # the last: it finds no class for its error
            pass
    import json  # white space around, or no JSON
    return json.loads(text)


def _json_text(value):
    """json.dumps() of what _parsed() returns."""
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (_quoted(name), _json_text(member)) for name, member in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(_json_text, value))
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def announce_task(tf_config):
    try:
        config = _parsed(tf_config)
    except ValueError:
        return
    if isinstance(config, dict):
        parts = " ".join("--%s=%s" % (name, _json_text(config.get(name, {})))
                         for name in ("cluster", "task", "job"))
        say("Running task with arguments: " + parts)


def announce(module, args):
    tf_config = os.environ.get("TF_CONFIG")
    if tf_config:
        announce_task(tf_config)
    # A note stands where buckets cannot be files; it is no name that a bucket can have.
    if os.path.isfile(BUCKET_FILES + "/README"):
        say("Buckets are not available as files at %s on this machine; gs:// names work." % BUCKET_FILES, "WARNING")
    say("Running module %s." % module)
    command = " ".join(_shell_word(word) for word in ["python3", "-m", module] + args)
    say("Running command: " + command)


def provided_modules(site_packages):
    """Names of the modules that the job's own packages brought, shortest first."""
    found = []
    try:
        names = sorted(os.listdir(site_packages))
    except OSError:
        return found
    for name in names:
        folder = os.path.join(site_packages, name)
        if name.endswith(".py"):
            found.append(name[:-3])
        elif name.isidentifier() and name != "__pycache__" and os.path.isdir(folder):
            found.append(name)
            found.extend(name + "." + entry[:-3] for entry in sorted(os.listdir(folder))
                         if entry.endswith(".py") and entry != "__init__.py")
    return found


def explain_missing_module(module):
    site_packages = os.path.join(PACKAGES, "lib", "python%d.%d" % sys.version_info[:2],
                                 "site-packages")
    provided = provided_modules(site_packages)
    text = "No module named %s." % module
    if provided:
        listed = ", ".join(provided[:MODULES_LISTED_MAX])
        more = len(provided) - MODULES_LISTED_MAX
        text += " The packages of this job provide: %s%s." % (
            listed, " and %d more" % more if more > 0 else "")
    else:
        text += " The packages of this job provide no module at all: does setup.py list them" \
                " (packages=find_packages())?"
    return text


def explain_missing_library(error):
    """A hint for an import that fails because no source of the package named the library."""
    name = (getattr(error, "name", None) or "").split(".")[0]
    optional = os.environ.get("HODEI_OPTIONAL_MODULES", "").split(",")
    if not name:
        return None
    if name in optional:
        return ("Module '%s' is part of this runtime, but it is installed only for packages whose"
                " sources or setup.py name it. Add it to install_requires in setup.py." % name)
    return "Module '%s' is not installed. Add it to install_requires in setup.py." % name


class Completion(object):
    """Says at the very end of the process how it went; knows nothing when os._exit was called."""

    def __init__(self):
        self.succeeded = False

    def __call__(self):
        if not self.succeeded:
            return
        try:
            sys.stdout.flush()
        except Exception:  # a closed stdout is the program's own business
            pass
        say("Module completed; cleaning up.")
        say("Clean up finished.")
        say("Task completed successfully.")


def report_exception(error):
    """The traceback from the program's first frame on, through its own excepthook if it has one."""
    frames = error.__traceback__
    here = os.path.abspath(__file__)
    ours = (here, os.path.join(os.path.dirname(here), "hodei_start.py"), runpy.__file__, "<frozen runpy>",
            "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
    while frames is not None and frames.tb_frame.f_code.co_filename in ours:
        frames = frames.tb_next
    shown = frames if frames is not None else error.__traceback__
    if sys.excepthook is sys.__excepthook__:
        import traceback
        traceback.print_exception(type(error), error, shown)
    else:
        sys.excepthook(type(error), error, shown)
    if isinstance(error, ModuleNotFoundError):
        hint = explain_missing_library(error)
        if hint:
            print(hint, file=sys.stderr)


def module_exists(module):
    """Like `python -m`, this imports the parent packages of `module`; their errors propagate."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError as error:
        # Only a missing part of `module` itself means that it does not exist.
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            return False
        raise
    except ValueError:
        return False


def run(module, args):
    # As `python -m` has it: the working folder first, not the folder of this file.
    sys.path[0] = os.getcwd()
    sys.argv = [module] + args
    completion = Completion()
    # Registered first, so that it runs after every handler of the program.
    atexit.register(completion)
    when_imported("logging", install_logging)
    install_warnings()
    announce(module, args)
    try:
        if not module_exists(module):
            print(explain_missing_module(module), file=sys.stderr)
            sys.exit(1)
        main = sys.modules["__main__"].__dict__
        for name in [name for name in main if not name.startswith("__")]:
            del main[name]
        main.pop("__file__", None)
        main.pop("__doc__", None)
        runpy._run_module_as_main(module)
        completion.succeeded = True
    except SystemExit as end:
        completion.succeeded = end.code is None or end.code == 0
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        report_exception(error)
        sys.exit(1)
