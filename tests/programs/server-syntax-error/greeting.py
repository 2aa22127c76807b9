def hello()
    return "serving lines"
