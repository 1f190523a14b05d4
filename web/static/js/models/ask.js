/**
 * Asks the server to change something. Gives `answer` (its JSON, or null), or `code`, the word why it refused;
 * `unavailable` where it could not be asked. Never throws.
 */
export async function ask(csrf, method, path, body) {
  const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
  const got = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => null);
  const answer = (await got?.json().catch(() => null)) ?? null;
  return got?.ok ? { answer } : { code: answer?.error?.code ?? "unavailable" };
}
