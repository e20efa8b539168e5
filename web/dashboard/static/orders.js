// The list of orders. Gets its rows once and then only those that have changed.

import { exactMoment, toldMoment } from "moments";

const ICONS = {
  STARTED: "radio_button_unchecked",
  IN_PROGRESS: "timelapse",
  COMPLETED: "check_circle",
  COMPENSATING: "history",
  COMPENSATED: "undo",
  FAILED: "cancel",
};

const MOST_FRESH = 10;

export default {
  props: { rows: String, texts: Object, statuses: Object, steps: Object, kinds: Object, errors: Object },
  data() {
    return { shown: JSON.parse(this.rows), fresh: new Set() };
  },
  watch: {
    rows(rows) {
      this.shown = JSON.parse(rows);
      this.fresh = new Set();
    },
  },
  methods: {
    toldMoment,
    exactMoment,
    icon: (status) => ICONS[status] ?? "help_outline",
    words: (table, name) => table[name] ?? name,
    moment(text, at) {
      return text.replace("{time}", toldMoment(at));
    },
    /** `order`: all ids as they stand now; `changed`: the rows that are new or other than before. */
    patch(order, changed) {
      const known = new Map(this.shown.map((row) => [row.order_id, row]));
      for (const row of changed) known.set(row.order_id, row);
      this.shown = order.map((id) => known.get(id));
      // Where everything changes, pointing at it helps nobody and keeps the browser busy.
      this.fresh = new Set(changed.length <= MOST_FRESH ? changed.map((row) => row.order_id) : []);
    },
  },
  template: `
    <table class="orders" role="table">
      <caption class="visually-hidden">{{ texts.caption }}</caption>
      <thead role="rowgroup"><tr role="row">
        <th role="columnheader" scope="col" class="c-order">{{ texts.order }}</th>
        <th role="columnheader" scope="col">{{ texts.status }}</th>
        <th role="columnheader" scope="col" class="c-step">{{ texts.step }}</th>
        <th role="columnheader" scope="col">{{ texts.progress }}</th>
        <th role="columnheader" scope="col" class="amount">{{ texts.amount }}</th>
        <th role="columnheader" scope="col">{{ texts.placed }}</th>
      </tr></thead>
      <tbody role="rowgroup">
        <tr v-for="row in shown" :key="row.order_id" role="row" :class="{ fresh: fresh.has(row.order_id) }"
            :data-order="row.order_id" @animationend="fresh.delete(row.order_id)">
          <td role="cell" class="c-order">
            <a class="order-id mono" :href="'/orders/' + encodeURIComponent(row.order_id)">{{ row.order_id }}</a>
            <span class="sub">{{ row.customer_id }}<template v-if="row.kind !== 'orchestrated'"> · {{ words(kinds, row.kind) }}</template></span>
          </td>
          <td role="cell" class="c-status">
            <span class="status" :class="'status-' + row.status" :title="row.status"><q-icon :name="icon(row.status)" />{{ words(statuses, row.status) }}</span>
            <span class="flags" v-if="row.needs_operator || row.held">
              <span class="flag" v-if="row.needs_operator"><q-icon name="front_hand" />{{ texts.person }}</span>
              <span class="flag held" v-if="row.held"><q-icon name="pause_circle" />{{ texts.held }}</span>
            </span>
          </td>
          <td role="cell" class="c-step">
            <template v-if="row.step">
              <span>{{ words(steps, row.step) }} <span class="mono soft code">{{ row.step }}</span></span>
              <span class="sub trouble" v-if="row.retrying_since">{{ texts.attempt.replace("{number}", row.attempt) }} · {{ moment(texts.retrying, row.retrying_since) }}<template v-if="row.next_attempt_at"> · {{ moment(texts.next, row.next_attempt_at) }}</template></span>
              <span class="sub error" v-if="row.last_error">{{ row.last_error }}</span>
            </template>
            <span class="soft" v-else-if="row.error_code">{{ words(errors, row.error_code) }} <span class="mono code">{{ row.error_code }}</span></span>
          </td>
          <td role="cell" class="c-progress">
            <span class="bar-cell">
              <span class="meter" :class="row.status" role="progressbar" aria-valuemin="0" aria-valuemax="100" :aria-valuenow="row.progress" :aria-label="texts.progress"><span :style="{ width: row.progress + '%' }"></span></span>
              <span class="percent">{{ row.progress }}%</span>
            </span>
          </td>
          <td role="cell" class="c-amount amount">{{ row.amount }}</td>
          <td role="cell" class="placed"><time :datetime="row.created_at" :title="exactMoment(row.created_at)">{{ toldMoment(row.created_at) }}</time></td>
        </tr>
      </tbody>
    </table>`,
};
