/**
 * Loads a page of this server and parses it without running or loading anything in it.
 *
 * XMLHttpRequest, because it parses HTML into a document that is never shown; the policy of the pages forbids
 * functions that turn text into markup.
 */
export function fetchDocument(url, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.timeout = 10_000;
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(new Error()));
    request.onerror = request.ontimeout = request.onabort = () => reject(new Error());
    signal?.addEventListener("abort", () => request.abort());
    request.send();
  });
}
