// The page works without this script. With it, nothing typed is lost when a benefit is applied or removed, and another
// way of shipping is priced as soon as it is chosen. The card number never leaves its field.
(() => {
  "use strict";
  const PATIENCE = 1500; // ms that a click waits for what was typed to be kept
  const form = document.getElementById("checkout");
  const reprice = document.getElementById("reprice");
  let kept = Promise.resolve();
  let typings = 0;
  let told = 0; // up to which of them the shop knows
  let leaving = false;

  const typed = () => {
    const data = new FormData(form);
    data.delete("card");
    return data;
  };

  // One after the other, as an older draft that arrives last would undo a newer one.
  const keep = () => {
    const [body, upTo] = [typed(), typings];
    const send = () => fetch(form.dataset.draft, { method: "POST", body, keepalive: true });
    kept = kept.then(send).then((answer) => { if (answer.ok) told = upTo; }).catch(() => {});
    return kept;
  };

  const takeOver = (page) => {
    const hasCard = (where) => where.querySelector("[name=card]") !== null;
    if (hasCard(page) !== hasCard(document)) return location.reload();
    for (const id of ["checkout", "sum", "benefits"]) {
      document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
    }
  };

  const priceAnew = async () => {
    const answer = await fetch(reprice.formAction, { method: "POST", body: typed() });
    if (!answer.ok) throw new Error(answer.statusText);
    takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
  };

  document.addEventListener("input", (event) => {
    if (event.target.form === form && event.target.name !== "card") typings += 1;
  });

  document.addEventListener("change", (event) => {
    if (event.target.form !== form || event.target.name === "card") return;
    if (event.target.name === "shipping") priceAnew().catch(() => form.requestSubmit(reprice));
    else keep();
  });

  // Another form leads back to this page: it may only leave when the shop has what was typed.
  document.addEventListener("submit", (event) => {
    if (event.target === form || told === typings || leaving === "now") return;
    event.preventDefault();
    if (leaving) return;
    leaving = true;
    const enough = new Promise((resolve) => setTimeout(resolve, PATIENCE));
    Promise.race([keep(), enough]).then(() => {
      leaving = "now";
      event.target.requestSubmit(event.submitter);
    }).finally(() => { leaving = false; });
  });
})();
