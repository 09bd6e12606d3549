// The page works without this script. With it, nothing typed is lost when a benefit is applied or removed, and another
// way of shipping is priced as soon as it is chosen. The card number never leaves its field.
(() => {
  "use strict";
  const form = document.getElementById("checkout");
  const reprice = document.getElementById("reprice");

  const typed = () => {
    const data = new FormData(form);
    data.delete("card");
    return data;
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

  document.addEventListener("change", (event) => {
    if (event.target.form !== form || event.target.name === "card") return;
    if (event.target.name === "shipping") priceAnew().catch(() => form.requestSubmit(reprice));
    else navigator.sendBeacon(form.dataset.draft, typed());
  });
  document.addEventListener("submit", (event) => {
    if (event.target !== form) navigator.sendBeacon(form.dataset.draft, typed());
  });
})();
