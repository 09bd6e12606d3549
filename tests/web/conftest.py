from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.demo import demo
from tests.web.page_data import PageData, make_shop
from tests.web.reading import Element, Form, forms, read_page


class Browser:
    """A test client with a person in front of it."""

    def __init__(self, client: FlaskClient, customer_id: str | None = None) -> None:
        self.client = client
        if customer_id:
            client.get(f"/sign-in/{customer_id}")

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def read(self, path: str = "/account/benefits", status: int = 200) -> Element:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return read_page(answer.text)

    def form(self, label: str, path: str = "/account/benefits") -> Form:
        return forms(self.read(path))[label]

    def send(self, form: Form, **changes: str) -> TestResponse:
        return self.client.post(form.action, data=form.fields | changes)

    def press(self, label: str, path: str = "/account/benefits") -> TestResponse:
        return self.send(self.form(label, path))


@pytest.fixture
def data() -> PageData:
    return demo()


@pytest.fixture
def shop(data: PageData) -> Flask:
    return make_shop(data)


@pytest.fixture
def mia(shop: Flask) -> Browser:
    return Browser(shop.test_client(), "mia")


@pytest.fixture
def guest(shop: Flask) -> Browser:
    return Browser(shop.test_client())
