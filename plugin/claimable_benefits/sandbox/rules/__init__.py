"""The business rules of Omneo."""
