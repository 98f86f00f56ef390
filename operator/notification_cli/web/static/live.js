// Keeps the page current: the server says when something changed, then the main part is read again.
"use strict";
(function () {
  let source = null;
  function follow() {
    const main = document.querySelector("main");
    const url = main && main.dataset.events;
    if (!url) return;
    source = new EventSource(url);
    source.addEventListener("change", refresh);
    source.onopen = function () { document.body.classList.add("live"); };
    source.onerror = function () { document.body.classList.remove("live"); };
  }
  async function refresh() {
    source.close();
    try {
      const response = await fetch(location.href);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const main = page.querySelector("main");
      if (main) document.querySelector("main").replaceWith(document.adoptNode(main));
      follow();
    } catch (error) {
      document.body.classList.remove("live");
      setTimeout(follow, 3000);
    }
  }
  follow();
})();
