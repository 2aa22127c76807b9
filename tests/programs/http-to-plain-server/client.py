from urllib.request import urlopen

print(urlopen("http://127.0.0.1:12345/hello", timeout=5).read())
