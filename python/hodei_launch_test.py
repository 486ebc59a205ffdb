"""The launcher against what `python -m` does, and what it adds."""
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hodei_start.py")


class Ended:
    def __init__(self, done):
        self.code = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr
        self.entries, self.plain = [], []
        for line in done.stderr.splitlines():
            try:
                self.entries.append(json.loads(line))
            except ValueError:
                self.plain.append(line)

    def severity(self, message):
        return [e["severity"] for e in self.entries if e["message"] == message]

    def messages(self):
        return [e["message"] for e in self.entries]


class Launcher(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(textwrap.dedent(text))

    def launch(self, text=None, args=(), module="trainer.task", env=None):
        self.write("trainer/__init__.py", "")
        if text is not None:
            self.write("trainer/task.py", text)
        done = subprocess.run([sys.executable, "-B", PROGRAM, module, *args], cwd=self.folder.name,
                              capture_output=True, text=True, timeout=60,
                              env={"PYTHONUNBUFFERED": "1", **(env or {})})
        return Ended(done)

    def test_logging_is_structured_at_info_with_its_place(self):
        ended = self.launch("""
            import logging
            logging.info("Hey, ML Engine, you are not scary!")
            logging.warn("Argument received: {}.".format(42))
            logging.getLogger("own").error("worse")
            logging.critical("two\\nlines")
            logging.debug("not seen")
            """)
        self.assertEqual(ended.severity("Hey, ML Engine, you are not scary!"), ["INFO"])
        self.assertEqual(ended.severity("Argument received: 42."), ["WARNING"])
        self.assertEqual(ended.severity("worse"), ["ERROR"])
        self.assertEqual(ended.severity("two\nlines"), ["CRITICAL"])
        self.assertEqual(ended.severity("not seen"), [])
        entry = next(e for e in ended.entries if e["message"].startswith("Hey"))
        self.assertEqual((entry["levelname"], entry["lineno"]), ("INFO", 3))
        self.assertTrue(entry["pathname"].endswith("trainer/task.py"))
        self.assertEqual(ended.plain, [])

    def test_exceptions_in_logging_keep_their_traceback(self):
        ended = self.launch("""
            import logging
            try:
                1 / 0
            except ZeroDivisionError:
                logging.exception("it broke")
            """)
        message = next(m for m in ended.messages() if m.startswith("it broke"))
        self.assertIn("ZeroDivisionError", message)

    def test_a_programs_own_basic_config_wins(self):
        ended = self.launch("""
            import logging
            logging.basicConfig(level=logging.DEBUG, format="own %(message)s")
            logging.debug("once")
            """)
        self.assertEqual(ended.plain, ["own once"])
        self.assertNotIn("once", ended.messages())

    def test_basic_config_without_a_level_is_warning_as_anywhere(self):
        ended = self.launch("""
            import logging
            logging.basicConfig()
            logging.info("quiet")
            logging.warning("loud")
            """)
        self.assertEqual(ended.plain, ["WARNING:root:loud"])

    def test_a_programs_own_handler_is_the_only_one(self):
        ended = self.launch("""
            import logging, sys
            logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
            logging.info("once")
            """)
        self.assertEqual(ended.stdout, "once\n")
        self.assertNotIn("once", ended.messages())

    def test_dict_config_replaces_ours(self):
        ended = self.launch("""
            import logging.config
            logging.config.dictConfig({"version": 1,
                "handlers": {"h": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
                "root": {"level": "INFO", "handlers": ["h"]}})
            logging.info("once")
            """)
        self.assertEqual(ended.stdout, "once\n")
        self.assertNotIn("once", ended.messages())

    def test_warnings_are_one_entry(self):
        ended = self.launch("import warnings\nwarnings.warn('old')\n")
        self.assertEqual(ended.plain, [])
        self.assertEqual([e["severity"] for e in ended.entries if "old" in e["message"]],
                         ["WARNING"])

    def test_it_looks_like_python_dash_m(self):
        program = """
            import sys, __main__
            print(__name__, __spec__.name, __file__ == sys.argv[0], sys.argv[1:], sys.path[0])
            print(sorted(n for n in vars(__main__) if not n.startswith("__")))
            """
        ended = self.launch(program, ["--a=b c", "", "--job-dir", "gs://b/o"])
        plain = subprocess.run([sys.executable, "-B", "-m", "trainer.task", "--a=b c", "",
                                "--job-dir", "gs://b/o"], cwd=self.folder.name, text=True,
                               capture_output=True)
        self.assertEqual(ended.stdout, plain.stdout)

    def test_classes_of_main_pickle_and_pools_work(self):
        ended = self.launch("""
            import multiprocessing, pickle
            class Own: pass
            def square(x): return x * x
            if __name__ == "__main__":
                pickle.loads(pickle.dumps(Own()))
                for method in ("fork", "spawn"):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        print(pool.map(square, [1, 2, 3]))
            """)
        self.assertEqual(ended.stdout, "[1, 4, 9]\n[1, 4, 9]\n", ended.stderr)

    def test_exit_codes_are_kept(self):
        for text, code in {"": 0, "import sys; sys.exit()": 0, "import sys; sys.exit(7)": 7,
                           "raise SystemExit(0)": 0, "import sys; sys.exit('words')": 1,
                           "1 / 0": 1, "import os; os._exit(5)": 5,
                           "import os; os.kill(os.getpid(), 15)": -15,
                           "import os; os.kill(os.getpid(), 9)": -9}.items():
            with self.subTest(text):
                ended = self.launch(text)
                self.assertEqual(ended.code, code)
                self.assertEqual("Task completed successfully." in ended.messages(), code == 0
                                 and "_exit" not in text)

    def test_the_traceback_is_whole_and_only_the_programs(self):
        ended = self.launch("""
            def deep():
                raise ValueError("the data is wrong")
            deep()
            """)
        self.assertEqual(ended.code, 1)
        self.assertEqual(ended.plain[0], "Traceback (most recent call last):")
        self.assertEqual(ended.plain[-1], "ValueError: the data is wrong")
        self.assertNotIn("hodei_", "\n".join(ended.plain))
        self.assertNotIn("runpy", "\n".join(ended.plain))

    def test_a_programs_excepthook_is_used(self):
        ended = self.launch("""
            import sys
            sys.excepthook = lambda kind, error, frames: print("hooked", error, file=sys.stdout)
            raise ValueError("x")
            """)
        self.assertEqual((ended.code, ended.stdout), (1, "hooked x\n"))

    def test_syntax_errors_name_the_line(self):
        ended = self.launch("print 'two'\n")
        self.assertEqual(ended.code, 1)
        self.assertIn("SyntaxError", ended.stderr)
        self.assertIn("task.py", ended.stderr)

    def test_a_missing_module_is_named(self):
        ended = self.launch("", module="trainer.nothere")
        self.assertEqual(ended.code, 1)
        self.assertIn("No module named trainer.nothere.", ended.stderr)

    def test_an_error_in_the_parent_package_is_its_own(self):
        self.write("broken/__init__.py", "import nothing_like_this\n")
        self.write("broken/task.py", "")
        ended = self.launch("", module="broken.task")
        self.assertEqual(ended.code, 1)
        self.assertIn("No module named 'nothing_like_this'", ended.stderr)
        self.assertIn("Traceback", ended.stderr)

    def test_a_missing_library_is_explained(self):
        ended = self.launch("__import__('no_such_library')")
        self.assertEqual(ended.plain[-1], "Module 'no_such_library' is not installed. Add it to"
                                          " install_requires in setup.py.")
        ended = self.launch("__import__('no_such_library')",
                            env={"HODEI_OPTIONAL_MODULES": "a,no_such_library"})
        self.assertIn("part of this runtime", ended.plain[-1])

    def test_the_replicas_lines_are_there_in_order(self):
        ended = self.launch("print('hello')", ["--x=1"],
                            env={"TF_CONFIG": '{"cluster":{},"task":{"type":"chief","index":0}}'})
        self.assertEqual(ended.messages(), [
            'Running task with arguments: --cluster={} --task={"type": "chief", "index": 0}'
            ' --job={}',
            "Running module trainer.task.",
            "Running command: python3 -m trainer.task --x=1",
            "Module completed; cleaning up.",
            "Clean up finished.",
            "Task completed successfully."])
        self.assertEqual(ended.stdout, "hello\n")

    def test_the_completion_comes_after_the_programs_own_end(self):
        ended = self.launch("""
            import atexit, logging, threading, time
            atexit.register(lambda: logging.info("at exit"))
            threading.Thread(target=lambda: (time.sleep(0.1), logging.info("thread"))).start()  # goes on after the main thread
            """)
        messages = ended.messages()
        self.assertLess(messages.index("thread"), messages.index("Module completed; cleaning up."))
        self.assertLess(messages.index("at exit"), messages.index("Module completed; cleaning up."))

    def test_it_is_said_once_where_buckets_cannot_be_files(self):
        self.write("gcs/README", "not here")
        self.write("trainer/__init__.py", "")
        self.write("trainer/task.py", "print('ran')")
        program = ("import sys; sys.path.insert(0, %r); import hodei_launch; hodei_launch.BUCKET_FILES = 'gcs'; "
                   "hodei_launch.run('trainer.task', [])" % os.path.dirname(PROGRAM))
        ended = Ended(subprocess.run([sys.executable, "-B", "-c", program], cwd=self.folder.name,
                                     capture_output=True, text=True, timeout=60))
        self.assertEqual(ended.stdout, "ran\n")
        self.assertEqual(ended.severity("Buckets are not available as files at gcs on this machine; gs:// names work."),
                         ["WARNING"])

    def test_a_task_is_announced_as_the_json_package_would_write_it(self):
        job = {"text": 'a "quoted" \u00e9\n', "list": [1, -2.5, None, True, False, []], "nested": {"": {}}}
        for space in ("", " \n"):
            ended = self.launch("import sys; print('json' in sys.modules)", env={"TF_CONFIG": space + json.dumps({"job": job})})
            self.assertEqual(ended.messages()[0], "Running task with arguments: --cluster={} --task={} --job=" + json.dumps(job))
            # Its import takes as long as a third of Python's own start.
            self.assertEqual(ended.stdout, "True\n" if space else "False\n")

    def test_a_broken_tf_config_stops_nothing(self):
        self.assertEqual(self.launch("", env={"TF_CONFIG": "{nonsense"}).code, 0)


if __name__ == "__main__":
    unittest.main()
