"""The processes around a measurement: web servers, a double of Omneo's API, and the load."""
