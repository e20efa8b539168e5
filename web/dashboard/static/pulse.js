// Whether the page is up to date. The server tells what it cannot read; that the server itself is
// away, only the browser can tell.

export default {
  props: { stale: Boolean, texts: Object },
  data() {
    return { away: false };
  },
  async mounted() {
    await this.$nextTick(); // the framework opens its socket after its components are there
    window.socket.on("connect", () => (this.away = false));
    window.socket.on("disconnect", () => (this.away = true));
    window.socket.on("connect_error", () => {
      this.away = true;
      this.leaveIfSignedOut();
    });
  },
  methods: {
    /** Whose session has ended cannot connect, which the framework would try for ever. */
    async leaveIfSignedOut() {
      const asked = { cache: "no-store", redirect: "manual" };
      const answer = await fetch("/static/dashboard.css", asked).catch(() => null);
      if (answer?.type === "opaqueredirect") window.location.reload(); // to the sign-in
    },
  },
  template: `<span class="pulse" :class="{ stale: stale || away }">{{ stale || away ? texts.stale : texts.live }}</span>`,
};
