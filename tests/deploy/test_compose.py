from __future__ import annotations

import re
from typing import Any

import pytest

from server.__main__ import _parser
from server.runtime.process import CLOSING_S
from server.runtime.settings import Settings
from server.website.uploads import FORM_BYTES
from tests.deploy.compose import (
    APPLICATION,
    ROOT,
    MissingError,
    compose,
    filled_in,
    seconds,
    services,
)

SERVICES = tuple(services())


def application_settings(name: str) -> Settings:
    """Return what a process of this service would read: .env, and over it the compose file."""
    environment = {**filled_in(), **services()[name]["environment"]}
    known = {
        field: environment[field.upper()]
        for field in Settings.model_fields
        if environment.get(field.upper())
    }
    return Settings(**known)


@pytest.mark.parametrize("name", APPLICATION)
def test_each_command_is_one_that_the_entry_point_knows(name: str) -> None:
    service = services()[name]
    options = _parser().parse_args(service["command"])
    assert options.service == name
    if name != "migrate":
        assert options.port in {None, application_settings(name).port}


@pytest.mark.parametrize("name", APPLICATION)
def test_a_filled_in_example_makes_good_settings(name: str) -> None:
    settings = application_settings(name)
    assert settings.secret
    assert settings.host == "0.0.0.0"
    assert settings.redis_url.get_secret_value() == "redis://:r3dis@redis:6379/0"
    # The password is quoted, whatever is in it.
    assert settings.database == "postgresql://beseda:p4ss%2Fw%3Ard%40@postgres:5432/beseda"
    assert settings.trusted_proxies == 1


def test_own_servers_win_over_those_of_the_file() -> None:
    own = {"DATABASE_URL": "postgresql://x@db/chat", "REDIS_URL": "redis://cluster:7000/0"}
    environment = services(filled_in() | own)["chat"]["environment"]
    assert own.items() <= environment.items()


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "JWT_SECRET_KEY"])
def test_without_a_secret_nothing_starts_and_its_name_is_said(name: str) -> None:
    with pytest.raises(MissingError, match=name):
        compose(filled_in() | {name: ""})


def test_only_nginx_is_reached_from_outside_and_only_from_this_machine_unless_asked() -> None:
    published = {name: s["ports"] for name, s in services().items() if "ports" in s}
    assert published == {"nginx": ["127.0.0.1:8080:8080"]}
    outside = {name for name, s in services().items() if "outside" in s["networks"]}
    assert outside == {"nginx"}
    assert compose(filled_in())["networks"]["inside"] == {"internal": True}


def test_chat_scales_by_a_number_alone() -> None:
    for name in ("chat", "website", "writer"):
        assert not {"container_name", "ports", "hostname"} & services()[name].keys()
    assert services()["chat"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    # The application's image has a user of its own.
    assert name in APPLICATION or service["user"] not in {"root", "0", "0:0"}
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_says_whether_it_is_well_and_comes_back(name: str) -> None:
    service = services()[name]
    if name == "migrate":
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["website", "chat", "writer"])
def test_nothing_serves_before_the_database_is_migrated(name: str) -> None:
    waits = services()[name]["depends_on"]
    assert waits["migrate"] == {"condition": "service_completed_successfully"}
    assert waits["redis"] == waits["postgres"] == {"condition": "service_healthy"}
    assert "migrate" not in services()["migrate"]["depends_on"]


@pytest.mark.parametrize("name", ["website", "chat", "writer"])
def test_a_container_is_given_the_time_that_its_stop_may_take(name: str) -> None:
    needed = application_settings(name).drain_s + CLOSING_S
    assert needed <= 30
    assert seconds(services()[name]["stop_grace_period"]) > needed


def test_volumes_are_declared_and_mounted_files_exist() -> None:
    whole = compose(filled_in())
    for service in whole["services"].values():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            if source.startswith("./"):
                assert (ROOT / source).is_dir()
                assert rest.endswith(":ro")
            else:
                assert source in whole["volumes"]


def nginx_file(name: str) -> str:
    return (ROOT / "nginx" / name).read_text()


def test_nginx_looks_for_services_that_are_there_at_their_ports() -> None:
    found = re.findall(r"default (\w+):(\d+);", nginx_file("addresses.conf"))
    assert {name for name, _ in found} == {"chat", "website"}
    for name, port in found:
        assert application_settings(name).port == int(port)


def test_nginx_listens_where_its_port_is_published_and_asked_for_its_health() -> None:
    nginx = services()["nginx"]
    port = re.findall(r"^listen (\d+)", nginx_file("listen.conf"), re.MULTILINE)
    assert port == [nginx["ports"][0].rpartition(":")[2]]
    address = nginx["healthcheck"]["test"][-1]
    assert address.startswith(f"http://127.0.0.1:{port[0]}/")
    assert f"location = /{address.rpartition('/')[2]} {{" in nginx_file("nginx.conf")


def test_nginx_finds_its_files_where_they_are_mounted() -> None:
    nginx = services()["nginx"]
    mounts = dict(volume.split(":")[:2] for volume in nginx["volumes"])
    configuration = nginx["command"][nginx["command"].index("-c") + 1]
    assert configuration == f"{mounts['./nginx']}/nginx.conf"
    writes = re.findall(r"(?:_temp_path|_cache_path|pid) (/\w+)", nginx_file("nginx.conf"))
    assert set(writes) == {nginx["tmpfs"][0].partition(":")[0]}


def test_limits_of_nginx_agree_with_those_of_the_application() -> None:
    settings = Settings()
    size = re.findall(r"client_max_body_size (\d+)k;", nginx_file("nginx.conf"))
    limits = [settings.body_bytes, settings.file_bytes + FORM_BYTES]
    assert [int(each) * 1024 for each in size] == limits
    patience = re.findall(r"proxy_read_timeout (\d+)s;", nginx_file("ws.conf"))
    assert [int(each) for each in patience] == [3 * settings.ping_s]


def health_command(service: dict[str, Any]) -> list[str]:
    command: list[str] = service["healthcheck"]["test"]
    return command


@pytest.mark.parametrize("name", ["website", "chat", "writer"])
def test_health_is_asked_by_the_entry_point(name: str) -> None:
    command = health_command(services()[name])
    assert command[:4] == ["CMD", "python", "-m", "server"]
    assert _parser().parse_args(command[4:]).service == "health"
    start = seconds(services()[name]["healthcheck"]["start_period"])
    assert start > application_settings(name).startup_s
