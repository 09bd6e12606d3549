"""The shop's pages, one module for each part of the site, and what protects them."""
