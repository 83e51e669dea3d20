"""Runs a program for as long as whoever asked for it lives, however that one ends; then removes the program's folder.

`python guard.py FOLDER USER PROGRAM …` with a pipe as its input: the pipe's end is the sign. USER may be empty.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading


def main(folder: str, user: str, *words: str) -> int:
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, user=user or None)
    over = threading.Event()

    def wait_for_the_end() -> None:
        os.read(sys.stdin.fileno(), 1)
        over.set()
        process.send_signal(signal.SIGINT)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    code = process.wait()
    if over.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
