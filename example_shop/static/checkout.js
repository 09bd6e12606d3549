// The page works without this script. With it, typed text survives applying or removing a benefit, and the page shows the
// new price as soon as another shipping method is chosen. The card number never leaves its field.
(() => {
  "use strict";
  const SAVE_TIMEOUT = 1500; // ms that a click waits for the draft to be saved
  const form = document.getElementById("checkout");
  const reprice = document.getElementById("reprice");
  let saved = Promise.resolve();
  let edits = 0;
  let savedEdits = 0; // how many of them the shop has saved
  let leaving = false;

  const draft = () => {
    const data = new FormData(form);
    data.delete("card");
    return data;
  };

  // One after the other: an older draft that arrives last would overwrite a newer one.
  const save = () => {
    const [body, upTo] = [draft(), edits];
    const send = () => fetch(form.dataset.draft, { method: "POST", body, keepalive: true });
    saved = saved.then(send).then((answer) => { if (answer.ok) savedEdits = upTo; }).catch(() => {});
    return saved;
  };

  const showPage = (page) => {
    const hasCard = (where) => where.querySelector("[name=card]") !== null;
    if (hasCard(page) !== hasCard(document)) return location.reload();
    for (const id of ["checkout", "sum", "benefits"]) {
      document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
    }
  };

  const updatePrice = async () => {
    const answer = await fetch(reprice.formAction, { method: "POST", body: draft() });
    if (!answer.ok) throw new Error(answer.statusText);
    showPage(new DOMParser().parseFromString(await answer.text(), "text/html"));
  };

  document.addEventListener("input", (event) => {
    if (event.target.form === form && event.target.name !== "card") edits += 1;
  });

  document.addEventListener("change", (event) => {
    if (event.target.form !== form || event.target.name === "card") return;
    if (event.target.name === "shipping") updatePrice().catch(() => form.requestSubmit(reprice));
    else save();
  });

  // Another form leads back to this page: submit it once the shop has saved what was typed.
  document.addEventListener("submit", (event) => {
    if (event.target === form || savedEdits === edits || leaving === "now") return;
    event.preventDefault();
    if (leaving) return;
    leaving = true;
    const enough = new Promise((resolve) => setTimeout(resolve, SAVE_TIMEOUT));
    Promise.race([save(), enough]).then(() => {
      leaving = "now";
      event.target.requestSubmit(event.submitter);
    }).finally(() => { leaving = false; });
  });
})();
