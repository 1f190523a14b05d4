/* What is what in code: enough for colours, for many languages at once, in time in proportion to the length. */

const C_LIKE = "break case catch class const continue default do else enum export extends final finally for function goto if import in instanceof interface let new of package private protected public return static struct super switch this throw throws try typedef typeof union unsigned using var virtual void volatile while yield async await true false null undefined NULL nullptr int long short char float double bool boolean string auto namespace template implements override abstract sizeof signed extern inline operator delete friend";
const LANGUAGES = {
  js: { words: C_LIKE, quotes: "\"'`", line: "//", block: true },
  py: { words: "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return self try while with yield True False None", quotes: "\"'", line: "#" },
  sh: { words: "if then else elif fi for while until do done case esac in function return local export set unset exit echo cd source sudo readonly shift test", quotes: "\"'", line: "#" },
  sql: { words: "select from where and or not in is null as on join left right inner outer full cross group by order having limit offset insert into values update set delete create table index view drop alter add primary key foreign references unique default check constraint union all distinct case when then else end with returning exists between like begin commit rollback true false", quotes: "'\"", line: "--", block: true, anyCase: true },
  go: { words: "break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var nil true false error string int bool byte", quotes: "\"'`", line: "//", block: true },
  rs: { words: "as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait type unsafe use where while true false None Some Ok Err", quotes: '"', line: "//", block: true },
  lua: { words: "and break do else elseif end false for function goto if in local nil not or repeat return then true until while", quotes: "\"'", line: "--" },
  json: { words: "true false null", quotes: '"' },
  conf: { words: "true false null yes no on off", quotes: "\"'", line: "#" },
};
const NAMES = {
  js: "javascript jsx mjs ts tsx typescript java c h cpp c++ hpp cs c# csharp kotlin kt swift php scala dart css scss less",
  py: "python python3",
  sh: "bash shell zsh console dockerfile makefile make",
  sql: "postgres postgresql psql mysql sqlite",
  go: "golang",
  rs: "rust",
  json: "jsonc",
  conf: "yaml yml toml ini nginx properties ruby rb perl pl r env",
};
const BY_NAME = new Map(Object.keys(LANGUAGES).map((name) => [name, name]));
for (const [name, others] of Object.entries(NAMES)) for (const other of others.split(" ")) BY_NAME.set(other, name);

/** Splits code into `{kind, text}` that joined give the code; `kind` is comment, string, number, word or empty. */
export function highlight(code, language) {
  const rules = LANGUAGES[BY_NAME.get(language.toLowerCase())];
  if (!rules) return [{ kind: "", text: code }];
  const words = new Set(rules.words.split(" "));
  const parts = [];
  const token = pattern(rules);
  let done = 0;
  for (const { 0: text, index, groups } of code.matchAll(token)) {
    const kind = kindOf(text, groups, rules, words);
    if (!kind) continue;
    if (index > done) parts.push({ kind: "", text: code.slice(done, index) });
    parts.push({ kind, text });
    done = index + text.length;
  }
  if (done < code.length) parts.push({ kind: "", text: code.slice(done) });
  return parts;
}

/** What does not end, ends with the line or the code: nothing is read twice. */
function pattern({ quotes, line, block }) {
  const strings = [...quotes].map((quote) => {
    const stops = quote === "`" ? "" : "\\n";
    return `${quote}(?:[^${quote}\\\\${stops}]|\\\\(?:[^]|$))*(?:${quote}|(?=\\n)|$)`;
  });
  if (quotes.includes('"')) strings.unshift('"""(?:[^"]|"(?!""))*(?:"""|$)');
  const comments = [line && `${line}[^\\n]*`, block && "/\\*(?:[^*]|\\*(?!/))*(?:\\*/|$)"].filter(Boolean);
  const comment = comments.length ? `(?<comment>${comments.join("|")})|` : "";
  return new RegExp(`${comment}(?<string>${strings.join("|")})|(?<number>\\b\\d[\\w.]*)|(?<word>[\\p{L}_$][\\p{L}\\p{N}_$]*)`, "gu");
}

function kindOf(text, { comment, string, number }, rules, words) {
  if (comment !== undefined) return "comment";
  if (string !== undefined) return "string";
  if (number !== undefined) return "number";
  return words.has(rules.anyCase ? text.toLowerCase() : text) ? "word" : "";
}
