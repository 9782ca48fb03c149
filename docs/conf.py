"""The site: executed notebooks, results and documentation, in plain HTML that needs no network.

`make site` builds it; the study that it shows is set with ``-D study=FOLDER``.
"""

import inspect
import json
import shutil
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.domains.python import PyObject

import gdiv

sys.path.insert(0, str(Path(__file__).parent))
import rooms

project = "gdiv"
author = "The gdiv developers"
copyright = author
release = gdiv.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"
autosummary_generate = True
autosummary_imported_members = False
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # there are no widgets; the defaults are links into the web
nb_merge_streams = True
# Bokeh's second copy of each output, for JupyterLab alone.
suppress_warnings = ["mystnb.unknown_mime_type"]
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have them
autodoc_preserve_defaults = True  # as they are written: some are paths of this machine
napoleon_google_docstring = False
napoleon_use_ivar = True  # the attributes of a class are a list, beside its documented members
html_theme = "sphinx_book_theme"
html_title = "gdiv"
html_static_path = ["gdiv.css", "gdiv.js"]
html_css_files = ["gdiv.css"]
html_js_files = ["gdiv.js"]
html_copy_source = False
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],  # the side bar has the search field
}


def setup(app):
    """Connect the functions below to Sphinx."""
    app.add_config_value("study", "../runs/mer-de-glace-demo", "env")
    app.connect("config-inited", copy_study)
    app.connect("autodoc-process-signature", drop_empty_signature)
    app.connect("autodoc-skip-member", skip_members)
    app.connect("doctree-read", resolve_types)
    # Formulas as MathML, which browsers draw themselves; MathJax would be fetched from the web.
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))
    app.config.html_math_renderer = "mathml"
    next(field for field in PyObject.doc_field_types if field.name == "variable").label = "Fields"


def copy_study(app, config):
    """Copy the run's notebooks, results and map beside the sources.

    Papermill's copy of the parameters is left out.
    """
    here, study = Path(app.srcdir), Path(app.srcdir, config.study)
    if not (study / "products" / "map.html").exists():
        raise SystemExit(f"{study} holds no finished study; make one first: make study")
    for name in ("api", "modules", "notebooks"):  # pages of what has been renamed would remain
        shutil.rmtree(here / name, ignore_errors=True)
    (here / "notebooks").mkdir()
    for path in sorted((study / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
        notebook["cells"] = [
            c for c in cells if "injected-parameters" not in c["metadata"].get("tags", [])
        ]
        (here / "notebooks" / path.name).write_text(json.dumps(notebook), encoding="utf-8")
    shutil.copytree(here.parent / "results" / "published", here / "published", dirs_exist_ok=True)
    rooms.draw(Path(gdiv.__file__).parent, here / "published" / "rooms.svg")
    (here / "extra").mkdir(exist_ok=True)
    shutil.copy(study / "products" / "map.html", here / "extra" / "map.html")
    config.html_extra_path = ["extra"]


def drop_empty_signature(app, what, name, value, options, signature, returns):
    """Leave out the signature of a class that states no arguments, such as a protocol."""
    return ("", returns) if what == "class" and signature == "(*args, **kwargs)" else None


def skip_members(app, what, name, value, skip, options):
    """Leave out what a reader cannot use.

    These are the fields of named tuples, which the docstring lists, paths of this machine, and
    constants that a module does not list as public.
    """
    if what == "class":
        return True if "Alias for field number" in (inspect.getdoc(value) or "") else None
    routine = inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "py_func")
    if what != "module" or routine:
        return None
    public = getattr(sys.modules.get(app.env.docname.rpartition("/")[2]), "__all__", [name])
    return True if isinstance(value, Path) or name not in public else None


def resolve_types(app, doctree):
    """Link the types of parameters to classes of gdiv, and leave their other words alone.

    Sphinx takes every word of a type, such as "shape", for a name that any module may define. Here
    a name is looked up in the module of the docstring, then among the classes of all modules.
    """
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") != "py" or node["reftype"] not in ("class", "obj"):
            continue
        name = node["reftarget"].rpartition(".")[2]
        namesake = getattr(sys.modules.get(node.get("py:module")), name, None)
        targets = {_class_path(namesake)} - {""} or _class_paths(name)
        if len(targets) == 1:
            node["reftarget"] = targets.pop()
        else:
            node.replace_self(node.children)


def _class_path(value):
    """Full name of a class of gdiv; empty for anything else."""
    ours = isinstance(value, type) and value.__module__.startswith("gdiv.")
    return f"{value.__module__}.{value.__qualname__}" if ours else ""


def _class_paths(name):
    """Full names of the classes of gdiv with a name."""
    modules = [module for key, module in sys.modules.items() if key.startswith("gdiv.")]
    return {_class_path(getattr(module, name, None)) for module in modules} - {""}


def inline_formula(writer, node):
    """Write a formula within a line."""
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def formula(writer, node):
    """Write a formula on lines of its own."""
    writer.body.append(f'<div class="formula">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode
