// Shows a password on request, and says how a new one looks while it is typed. Every page works without it; the rules are
// kept by the server (`password_rules.py`), this only repeats those that can be said at once.
"use strict";
for (const field of document.querySelectorAll("input[type=password]")) {
  const name = field.labels.length ? field.labels[0].textContent : "password";
  const button = document.createElement("button");
  const say = () => {
    const verb = field.type === "password" ? "Show" : "Hide";
    button.textContent = verb;
    button.setAttribute("aria-label", `${verb}: ${name}`);
  };
  button.type = "button";
  button.className = "link";
  button.addEventListener("click", () => {
    field.type = field.type === "password" ? "text" : "password";
    say();
    field.focus();
  });
  // Sent as a password again, so that no browser remembers it as a text.
  field.form.addEventListener("submit", () => { field.type = "password"; });
  say();
  field.after(" ", button);
}
for (const field of document.querySelectorAll("input[data-common]")) {
  const common = new Set(field.dataset.common.split(" "));
  const least = Number(field.minLength);
  const alike = { 0: "o", 1: "l", 3: "e", 4: "a", 5: "s", 7: "t", $: "s", "@": "a", "!": "i" };
  const plain = text => [...text].map(sign => alike[sign] || sign).join("");
  const isCommon = text => [text, plain(text), plain(text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, ""))].some(form => {
    const letters = form.replace(/[^\p{L}]+/gu, "");
    const whole = letters.match(/^(.+?)\1+$/u);
    return letters === "" || common.has(letters) || (whole !== null && common.has(whole[1]));
  });
  const judged = value => {
    const text = value.normalize("NFKC").toLowerCase(), letters = [...text];
    if (letters.length === 0) return [0, ""];
    if (letters.length < least) return [1, `Too short: ${letters.length} of ${least} letters.`];
    if (new Set(letters).size < 5) return [1, "Not taken: few different letters."];
    if (isCommon(text)) return [1, "Not taken: it is one of those that are tried first."];
    if (letters.length < 16) return [2, "Fair. One more word makes it better."];
    if (letters.length < 22) return [3, "Good."];
    return [4, "Very good."];
  };
  const line = document.createElement("p"), meter = document.createElement("meter"), words = document.createElement("span");
  meter.max = 4; meter.low = 1.5; meter.high = 2.5; meter.optimum = 4;
  meter.setAttribute("aria-hidden", "true"); // the words say it
  words.setAttribute("role", "status");
  line.append(meter, " ", words);
  field.closest("p").after(line);
  field.addEventListener("input", () => { [meter.value, words.textContent] = judged(field.value); });
}
