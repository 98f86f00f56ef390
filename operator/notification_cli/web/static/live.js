// Keeps the page current: the server says when something changed, then the content is read again. Tabs and filter stay
// as they are, so that what somebody is writing there is not lost.
"use strict";
(function () {
  let source = null;
  function follow() {
    const url = document.querySelector(".content").dataset.events;
    if (!url) {
      document.body.classList.remove("live");
      return;
    }
    source = new EventSource(url);
    source.addEventListener("change", refresh);
    source.onopen = function () { document.body.classList.add("live"); };
    source.onerror = function () { document.body.classList.remove("live"); };
  }
  async function refresh() {
    source.close();
    try {
      const response = await fetch(location.href);
      // The API server may respond again soon; a page that is refused, or shows what is gone, is final.
      if (response.status >= 500) throw new Error("not readable now");
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const content = page.querySelector(".content");
      if (content) document.querySelector(".content").replaceWith(document.adoptNode(content));
      follow();
    } catch (error) {
      document.body.classList.remove("live");
      setTimeout(follow, 3000);
    }
  }
  follow();
})();
