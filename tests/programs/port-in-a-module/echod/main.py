import logging

from . import options
from .service import Handler, Service


def main():
    opts = options.parse()
    logging.basicConfig(level=logging.INFO if opts.verbose else logging.WARNING)
    with Service((opts.host, opts.port), Handler) as service:
        logging.info("ready")
        service.serve_forever()


if __name__ == "__main__":
    main()
