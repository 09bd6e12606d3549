// Refreshes the list of calls. Without it the page shows the calls of its loading.
for (const part of document.querySelectorAll("[data-refresh]")) {
  let shown = null;
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(part.dataset.refresh);
      const text = answer.ok ? await answer.text() : shown;
      if (shown !== null && text !== shown) part.innerHTML = text;
      shown = text;
    } catch { /* the sandbox was stopped: the list stays */ }
  }, 1500);
}
