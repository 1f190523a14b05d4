/** What scripts say, in the reader's language. What the server says is in locale/. */

const EN = {
  sending: "Sending…",
  sent: "Sent. It is being saved.",
  saved: "Saved for good",
  failed: "Not sent",
  retry: "Send again",
  discard: "Discard",
  discarded: "The message is discarded.",
  undo: "Undo",
  edited: "(edited)",
  messageDeleted: "This message was deleted",
  refused_edit: "The message was not changed.",
  refused_delete: "The message was not deleted.",
  refused_react: "The reaction was not taken.",
  connecting: "Connecting… Messages will be sent when you are back.",
  offline: "You are offline. Messages will be sent when you are back.",
  away: "The server does not answer. Your messages are kept and will be sent.",
  slow: "Your messages are sent, but saving them takes longer than usual. Nothing is lost.",
  retryNow: "Try now",
  waiting: { one: "{n} message is waiting.", other: "{n} messages are waiting." },
  memory: "This browser keeps no data: leave the page open until everything is sent.",
  typing1: "{a} is typing…",
  typing2: "{a} and {b} are typing…",
  typingMany: { one: "{n} person is typing…", other: "{n} people are typing…" },
  fresh: { one: "{n} new message", other: "{n} new messages" },
  toEnd: "To the newest",
  newLine: "New messages",
  here: { one: "{n} here now", other: "{n} here now" },
  andMore: { one: "and {n} more", other: "and {n} more" },
  owner: "owner",
  joined: "{name} came in",
  left: "{name} left",
  removed: "{name} was removed",
  room_deleted: "{name} deleted the room",
  today: "Today",
  yesterday: "Yesterday",
  deleteTitle: "Delete “{name}”?",
  over: { one: "{n} character too many", other: "{n} characters too many" },
  outboxFull: "Too many messages are waiting to be sent. Your text is kept here.",
  earlierFailed: "Earlier messages could not be loaded. Try again",
  searchFailed: "The search got no answer. Try again in a moment.",
  showPassword: "Show the password",
  hidePassword: "Hide the password",
  toRooms: "To the rooms",
  logIn: "Log in",
  reload: "Reload the page",
  code_room_gone: "This room was deleted.",
  code_room_not_found: "This room is not there any more.",
  code_not_a_member: "You are not a member of this room any more.",
  code_message_not_found: "It was deleted, or is not there any more.",
  code_invalid_emoji: "A reaction is one emoji.",
  code_text_too_long: "The text is too long.",
  code_empty_text: "A message needs some text.",
  code_invalid_text: "The text has characters that cannot be stored.",
  code_rate_limited: "A little too fast. It goes out in a moment.",
  code_throttled: "Too many attempts. It goes out a little later.",
  code_storage_backlog: "The archive is behind. Your text is kept and goes out a little later.",
  code_busy: "The server is busy. Your text is kept and goes out in a moment.",
  code_draining: "The server is restarting. Your text is kept.",
  code_unavailable: "The server cannot be reached right now. Your text is kept.",
  code_room_unavailable: "The room cannot be loaded right now. Your text is kept.",
  code_not_subscribed: "Entering the room once more.",
  code_too_many_rooms: "Too many rooms are open at once.",
  code_too_many_owned: "You own as many rooms as one person may.",
  code_unauthorized: "You are logged out. Log in and your messages will be sent.",
  code_token_expired: "You are logged out. Log in and your messages will be sent.",
  code_forbidden: "You may not do this.",
  code_csrf: "The page is too old. Reload it and try again.",
  code_internal: "Something went wrong on the server.",
  code_unknown: "Something went wrong. Try again.",
  end_4501: "You are logged out. Log in and your messages will be sent.",
  end_4502: "You may not use this chat any more.",
  end_4503: "This page is older than the server. Your messages are kept.",
  end_4504: "The chat is open in too many tabs. Close some and reload.",
  end_other: "The server ended the connection. Your messages are kept.",
};

const RU = {
  sending: "Отправляется…",
  sent: "Отправлено, сохраняется",
  saved: "Сообщение сохранено",
  failed: "Не отправлено",
  retry: "Отправить ещё раз",
  discard: "Удалить",
  discarded: "Сообщение удалено.",
  undo: "Вернуть",
  edited: "(изменено)",
  messageDeleted: "Сообщение удалено",
  refused_edit: "Сообщение не изменено.",
  refused_delete: "Сообщение не удалено.",
  refused_react: "Реакция не принята.",
  connecting: "Соединяемся… Сообщения уйдут, как только связь вернётся.",
  offline: "Нет сети. Сообщения уйдут, как только связь вернётся.",
  away: "Сервер не отвечает. Ваши сообщения сохранены здесь и уйдут сами.",
  slow: "Ваши сообщения отправлены, но запись в архив идёт дольше обычного. Ничего не потеряется.",
  retryNow: "Попробовать сейчас",
  waiting: {
    one: "{n} сообщение ждёт.",
    few: "{n} сообщения ждут.",
    many: "{n} сообщений ждут.",
    other: "{n} сообщения ждут.",
  },
  memory: "Браузер не хранит данные: не закрывайте страницу, пока всё не отправится.",
  typing1: "{a} печатает…",
  typing2: "{a} и {b} печатают…",
  typingMany: {
    one: "{n} человек печатает…",
    few: "{n} человека печатают…",
    many: "{n} человек печатают…",
    other: "{n} человека печатают…",
  },
  fresh: { one: "{n} новое сообщение", few: "{n} новых сообщения", many: "{n} новых сообщений", other: "{n} новых сообщения" },
  toEnd: "К последним",
  newLine: "Новые сообщения",
  here: { one: "{n} сейчас здесь", few: "{n} сейчас здесь", many: "{n} сейчас здесь", other: "{n} сейчас здесь" },
  andMore: { one: "и ещё {n}", few: "и ещё {n}", many: "и ещё {n}", other: "и ещё {n}" },
  owner: "хозяин",
  joined: "{name} теперь в комнате",
  left: "{name} больше не в комнате",
  removed: "{name} больше не в комнате: доступ закрыт",
  room_deleted: "Комната удалена ({name})",
  today: "Сегодня",
  yesterday: "Вчера",
  deleteTitle: "Удалить «{name}»?",
  over: { one: "{n} лишний знак", few: "{n} лишних знака", many: "{n} лишних знаков", other: "{n} лишнего знака" },
  outboxFull: "Слишком много сообщений ждут отправки. Текст остался здесь.",
  earlierFailed: "Не удалось загрузить прежние сообщения. Попробовать ещё раз",
  searchFailed: "Поиск не ответил. Попробуйте чуть позже.",
  showPassword: "Показать пароль",
  hidePassword: "Скрыть пароль",
  toRooms: "К комнатам",
  logIn: "Войти",
  reload: "Обновить страницу",
  code_room_gone: "Эту комнату удалили.",
  code_room_not_found: "Этой комнаты больше нет.",
  code_not_a_member: "Вы больше не участник этой комнаты.",
  code_message_not_found: "Его удалили, или его больше нет.",
  code_invalid_emoji: "Реакция — это один эмодзи.",
  code_text_too_long: "Текст слишком длинный.",
  code_empty_text: "В сообщении должен быть текст.",
  code_invalid_text: "В тексте есть знаки, которые нельзя сохранить.",
  code_rate_limited: "Чуть медленнее: сообщение уйдёт через мгновение.",
  code_throttled: "Слишком много попыток. Сообщение уйдёт чуть позже.",
  code_storage_backlog: "Архив не успевает. Текст сохранён и уйдёт чуть позже.",
  code_busy: "Сервер занят. Текст сохранён и уйдёт через мгновение.",
  code_draining: "Сервер перезапускается. Текст сохранён.",
  code_unavailable: "Сервер сейчас недоступен. Текст сохранён.",
  code_room_unavailable: "Комнату сейчас не открыть. Текст сохранён.",
  code_not_subscribed: "Входим в комнату ещё раз.",
  code_too_many_rooms: "Открыто слишком много комнат сразу.",
  code_too_many_owned: "У вас уже столько своих комнат, сколько можно.",
  code_unauthorized: "Вы вышли. Войдите, и сообщения отправятся.",
  code_token_expired: "Вы вышли. Войдите, и сообщения отправятся.",
  code_forbidden: "На это нет права.",
  code_csrf: "Страница устарела. Обновите её и попробуйте ещё раз.",
  code_internal: "На сервере что-то пошло не так.",
  code_unknown: "Что-то пошло не так. Попробуйте ещё раз.",
  end_4501: "Вы вышли. Войдите, и сообщения отправятся.",
  end_4502: "Вам закрыт доступ к этому чату.",
  end_4503: "Страница старее сервера. Сообщения сохранены.",
  end_4504: "Чат открыт в слишком многих вкладках. Закройте лишние и обновите страницу.",
  end_other: "Сервер завершил соединение. Сообщения сохранены.",
};

export const WORDS = { en: EN, ru: RU };

const DAY_MS = 86_400_000;

/** Words, numbers and dates of one language; an unknown language is English. */
export class Words {
  #words;
  #plural;
  #formats;

  constructor(lang) {
    this.#words = WORDS[lang] ?? EN;
    this.#plural = new Intl.PluralRules(lang);
    // The reader's own region of the language knows whether the clock has 12 or 24 hours.
    const region = globalThis.navigator?.languages?.find((own) => own.split("-")[0] === lang) ?? lang;
    const format = (options) => new Intl.DateTimeFormat(region, options);
    this.#formats = {
      number: new Intl.NumberFormat(lang),
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
