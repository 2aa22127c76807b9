class Session {
  constructor(sock) { this.sock = sock; this.rest = ''; this.last = ''; this.count = 0; }
  *lines(chunk) {
    this.rest += chunk;
    for (let at; (at = this.rest.indexOf('\n')) >= 0;) {
      const line = this.rest.slice(0, at);
      this.rest = this.rest.slice(at + 1);
      yield line;
    }
  }
}
module.exports = { Session };
