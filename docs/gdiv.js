// Keyboard and screen readers: tables that scroll can be focused, and toggles of the menu have names.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("main table"))
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0
  for (const toggle of document.querySelectorAll("nav summary")) {
    const chapter = toggle.closest("li").querySelector("a").textContent.trim()
    toggle.setAttribute("aria-label", `pages of ${chapter}`)
  }
})
