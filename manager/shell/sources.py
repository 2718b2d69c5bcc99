"""Makes what manager.toml names: the load balancer, the load source, the core that sells. Shell."""

from pathlib import Path

from manager.core.core import Manager
from manager.core.ports import LoadBalancer, LoadSource
from manager.selling.group import Group
from manager.selling.selling import Selling
from manager.shell.clocks import country_clocks
from manager.shell.config_file import ConfigFile
from manager.shell.group_tables import group_of_table
from manager.shell.haproxy_balancer import HaproxyBalancer
from manager.shell.haproxy_load import HaproxyLoad, haproxy_metric
from manager.shell.haproxy_runtime import RuntimeSocket
from manager.shell.load_http import JsonLoad
from manager.shell.load_prometheus import PrometheusPage, PrometheusQuery
from manager.shell.memory_balancer import MemoryBalancer


def balancer_of(file: ConfigFile) -> LoadBalancer:
    """Return the balancer of a file that has been checked."""
    table = file.balancer
    if table.kind == "memory":
        return MemoryBalancer(table.drain_s)
    return HaproxyBalancer(_runtime(file, table.socket), table.drain_s, table.check)


def load_of(file: ConfigFile) -> LoadSource | None:
    """Return the load source of a file that has been checked, None when no rule needs one."""
    table = file.load
    if table is None:
        return None
    if table.kind == "haproxy":
        runtime = _runtime(file, table.socket or file.balancer.socket)
        return HaproxyLoad(runtime, table.backend, haproxy_metric(table.metric))
    assert table.url is not None, "checked when the file was read"
    if table.kind == "prometheus" and table.metric:
        return PrometheusPage(table.url, table.metric, table.labels, table.per_s)
    if table.kind == "prometheus":
        return PrometheusQuery(table.url, table.query, table.per_s)
    return JsonLoad(table.url, table.field, table.per_s)


def selling_of(file: ConfigFile, manager: Manager) -> Selling:
    """Return the core that sells beside ``manager``; a file without groups may get some."""
    selling = Selling(manager.outgoing, groups_of(file), country_clocks())
    selling.hibernating = file.hibernate
    return selling


def groups_of(file: ConfigFile) -> tuple[Group, ...]:
    return tuple(group_of_table(table) for table in file.groups)


def _runtime(file: ConfigFile, socket: str | None) -> RuntimeSocket:
    assert socket is not None, "checked when the file was read"
    return RuntimeSocket(file.base / Path(socket))
