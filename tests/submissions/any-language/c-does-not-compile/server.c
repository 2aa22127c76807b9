int main(void) { return socket( }
