"""What a stranger sees: nothing but /healthz."""
import pytest
import requests

ROUTES = ["/", "/v1/projects", "/v1/projects/hodei-local/jobs", "/v1/projects/hodei-local/jobs/j",
          "/v1/projects/hodei-local/jobs/j:followLogs", "/v1/projects/hodei-local/models", "/v2/entries:list",
          "/storage/v1/b?project=hodei-local", "/storage/v1/b/x/o/y?alt=media", "/download/storage/v1/b/x/o/y",
          "/upload/storage/v1/b/x/o?uploadType=media&name=n", "/batch/storage/v1", "/bucket/object",
          "/$discovery/rest?version=v1", "/no/such/route"]
CREDENTIALS = [None, "", "Bearer", "Bearer ", "Bearer x", "Bearer " + "a" * 5000, "Basic YTpi", "bearer null"]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_no_route_answers_without_a_credential(server, credential):
    for route in ROUTES:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            headers = {} if credential is None else {"Authorization": credential}
            answer = requests.request(method, server.url + route, headers=headers, timeout=20)
            assert answer.status_code == 401, f"{method} {route} with {credential!r}: {answer.status_code} {answer.text[:200]}"


def test_healthz_is_open_and_tells_nothing(server):
    answer = requests.get(server.url + "/healthz", timeout=20)
    assert answer.status_code == 200
    assert answer.text == "ok\n"


def test_credentials_are_private_files(server):
    for name in ("owner.json", "owner.token"):
        assert (server.data / "credentials" / name).stat().st_mode & 0o077 == 0


def test_public_bind_without_tls_is_refused(make_server):
    import subprocess
    from conftest import BIN
    done = subprocess.run([BIN / "hodeid", "--data", "/nonexistent", "--listen", "0.0.0.0:0"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "--listen-tls" in done.stderr


def test_second_server_on_one_data_folder_is_refused(server):
    import subprocess
    from conftest import BIN
    done = subprocess.run([BIN / "hodeid", "--data", server.data, "--listen", "127.0.0.1:0", "--no-tls"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "already" in done.stderr or "in use" in done.stderr
