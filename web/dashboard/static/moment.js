// A moment inside a text that says what it is the moment of.

import { exactMoment, toldMoment } from "moments";

export default {
  props: { at: String, text: { type: String, default: "{time}" } },
  computed: {
    parts() {
      return this.text.split("{time}");
    },
  },
  methods: { toldMoment, exactMoment },
  template: `<span>{{ parts[0] }}<time :datetime="at" :title="exactMoment(at)">{{ toldMoment(at) }}</time>{{ parts[1] }}</span>`,
};
