// How moments are told: in the viewer's own zone and in the page's language.

/** The time alone for today, with the date for other days. */
export function toldMoment(at) {
  const moment = new Date(at);
  const now = new Date();
  const day = moment.toDateString() === now.toDateString() ? {} : { month: "short", day: "numeric" };
  const year = moment.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(document.documentElement.lang, { ...year, ...day, ...time }).format(moment);
}

/** The whole of it, with the zone. */
export function exactMoment(at) {
  const style = { dateStyle: "full", timeStyle: "long", hourCycle: "h23" };
  return new Intl.DateTimeFormat(document.documentElement.lang, style).format(new Date(at));
}
