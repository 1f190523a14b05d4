const DAY_MS = 86_400_000;

/** Words, numbers and dates of one language; `said` is what its file in words/ has. */
export class Words {
  #words;
  #plural;
  #formats;

  constructor(lang, said) {
    this.#words = said;
    this.#plural = new Intl.PluralRules(lang);
    // The reader's own region of the language knows whether the clock has 12 or 24 hours.
    const region = globalThis.navigator?.languages?.find((own) => own.split("-")[0] === lang) ?? lang;
    const unit = (name) => new Intl.NumberFormat(lang, { style: "unit", unit: name, maximumFractionDigits: 1 });
    const format = (options) => new Intl.DateTimeFormat(region, options);
    this.#formats = {
      number: new Intl.NumberFormat(lang),
      sizes: ["byte", "kilobyte", "megabyte", "gigabyte"].map(unit),
      clock: format({ hour: "2-digit", minute: "2-digit" }),
      weekday: format({ weekday: "short" }),
      day: format({ weekday: "long", day: "numeric", month: "long" }),
      date: format({ day: "numeric", month: "long", year: "numeric" }),
      short: format({ day: "2-digit", month: "2-digit", year: "2-digit" }),
      full: format({ dateStyle: "long", timeStyle: "medium" }),
    };
  }

  say(key, values = {}) {
    return fill(this.#words[key], values);
  }

  count(key, n) {
    const forms = this.#words[key];
    return fill(forms[this.#plural.select(n)] ?? forms.other, { n: this.#formats.number.format(n) });
  }

  number(n) {
    return this.#formats.number.format(n);
  }

  /** A number of bytes, as server/website/locale.py writes it. */
  size(bytes) {
    const { sizes } = this.#formats;
    const power = Math.min(sizes.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
    const number = bytes / 1024 ** power;
    return sizes[power].format(number < 10 ? number : Math.round(number));
  }

  /** Words for a refusal's code. */
  code(code) {
    return this.#words[`code_${code}`] ?? this.#words.code_unknown;
  }

  /** Words for a close code after which nothing is tried again. */
  end(code) {
    return this.#words[`end_${code}`] ?? this.#words.end_other;
  }

  clock(ms) {
    return this.#formats.clock.format(ms);
  }

  full(ms) {
    return this.#formats.full.format(ms);
  }

  /** A calendar day: today, yesterday, with its weekday this year, otherwise with its year. */
  date(ms, now = Date.now()) {
    const days = daysBetween(ms, now);
    if (days === 0) return this.#words.today;
    if (days === 1) return this.#words.yesterday;
    const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
    return this.#formats[sameYear ? "day" : "date"].format(ms);
  }

  /** As little as says it: the time today, the weekday this week, otherwise the date. */
  short(ms, now = Date.now()) {
    const days = daysBetween(ms, now);
    if (days <= 0) return this.clock(ms);
    return this.#formats[days < 7 ? "weekday" : "short"].format(ms);
  }

  /** A day and its time, inside a sentence. */
  both(ms, now = Date.now()) {
    const isNear = daysBetween(ms, now) <= 1;
    const date = this.date(ms, now);
    return `${isNear ? date.toLowerCase() : date}, ${this.clock(ms)}`;
  }
}

const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/gu, (_, name) => values[name]);

function daysBetween(ms, now) {
  return Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(ms).setHours(0, 0, 0, 0)) / DAY_MS);
}
