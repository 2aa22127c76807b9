import argparse


def parse():
    parser = argparse.ArgumentParser(prog="echod")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()
