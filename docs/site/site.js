// Completes the theme for keyboards and screen readers: scrolling parts take the focus, each navigation has a name.
const complete = () => {
  for (const part of document.querySelectorAll("pre > code, .md-typeset__scrollwrap")) part.tabIndex = 0
  for (const buttons of document.querySelectorAll("nav.md-code__nav")) buttons.setAttribute("role", "none")
  for (const part of document.querySelectorAll("nav[aria-labelledby]")) {
    const label = document.getElementById(part.getAttribute("aria-labelledby"))
    if (label) part.setAttribute("aria-label", label.textContent.trim())
    part.removeAttribute("aria-labelledby")
  }
}

// The theme adds the buttons after the page, and replaces the page when a link is followed.
new MutationObserver(complete).observe(document.body, { childList: true, subtree: true })
complete()
