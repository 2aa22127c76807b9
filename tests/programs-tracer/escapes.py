import sys

text = "\d"
if text is "":
    pass
try:
    import broken
except SyntaxError as error:
    print(error.lineno)
try:
    import nowhere
except ImportError as error:
    print(error)
print(sys.argv[1:], text)
import broken
