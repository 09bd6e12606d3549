// Where benefits are late: ask four times at most, with growing pauses, then show the button.
{
  const fill = async (region, first) => {
    const [status, button] = region.children;
    const { cbFill, cbReload, cbDone, cbSlow } = region.dataset;
    const hadFocus = region.contains(document.activeElement);
    const setBusy = (on) => region.setAttribute("aria-busy", (button.hidden = on));
    const focus = (element) => hadFocus && !document.querySelector(":focus") && element.focus();
    setBusy(true);
    for (const pause of [first, 500, 600, 6500]) {
      await new Promise((go) => setTimeout(go, pause));
      if (!region.isConnected) return;
      const answer = await fetch(cbFill, { redirect: "manual" }).catch(() => 0);
      if (answer.status !== 200) continue;
      if (cbReload !== undefined) return location.reload();
      const found = document.createElement("template");
      found.innerHTML = await answer.text();
      const next = found.content.querySelector("[data-cb-part]");
      region.closest("[data-cb-part]").replaceWith(found.content);
      next.prepend(status);
      status.className = "cb-sr";
      status.textContent = cbDone;
      next.tabIndex = -1;
      return focus(next);
    }
    setBusy(false);
    status.textContent = cbSlow;
    focus(button);
  };
  const start = () => document.querySelectorAll("[data-cb-fill]:not([aria-busy])").forEach((region) => fill(region, 400));
  addEventListener("click", (event) => {
    const button = event.target.closest("[data-cb-fill] > a");
    if (!button) return;
    event.preventDefault();
    fill(button.parentNode, 0);
  });
  new MutationObserver(start).observe(document, { childList: true, subtree: true });
  start();
}
