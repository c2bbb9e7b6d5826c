"""The one API behind every face: serve a configuration, change it, ask how it does."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from types import TracebackType

from equalizer.config.diff import diff
from equalizer.config.load import Written, load
from equalizer.control import reached, records, sockets, states, weights
from equalizer.control.admission import Admission
from equalizer.control.answers import Happenings, Metrics, Reloaded, StateChange, Status, WeightChange, Wish
from equalizer.control.before import Before, Given, Held
from equalizer.control.breakers import Breakers
from equalizer.control.choosing import Choosing
from equalizer.control.ejecting import rules_of
from equalizer.control.events import Events
from equalizer.control.figures import figures
from equalizer.control.happening import Event, ReloadRefused
from equalizer.control.key_source import renewed
from equalizer.control.look import Watch
from equalizer.control.losses import Losses
from equalizer.control.names import pool_named, server_named
from equalizer.control.overview import Known, status
from equalizer.control.pace import Pace
from equalizer.control.present import Present
from equalizer.control.reconcile import Checked, for_later, read_anew, reconcile
from equalizer.control.records import Records
from equalizer.control.ring import Ring
from equalizer.control.running import Running
from equalizer.control.weights import Weights
from equalizer.engine.native import start
from equalizer.engine.port import Engine
from equalizer.errors import EqualizerError, NotNowError, RequestError
from equalizer.model.config import Config
from equalizer.policy.emptying import Count
from equalizer.snapshot.report import PoolReport, Report, ServerReport
from equalizer.snapshot.wire import Snapshot

_NO_KEY_FILE = "no [keys] file: cookies are sealed with a key for this run, and mean nothing after it"


class Service:
    """A configuration that is being served; as a context, until it ends.

    Any thread may call its methods.
    """

    def __init__(
        self,
        written: Written,
        name: str = "config",
        tell: Callable[[Event], None] = lambda event: None,
        before: Before | None = None,
    ) -> None:
        """Serve; `name` is what messages call a configuration that is not a file. Raises EqualizerError."""
        self._written, self._called = written, name
        self._before = before = before or Before()
        self._events = Events(tell, before.events)
        self._tell = self._events.happened
        self._ring = Ring(before.own_key)
        self._changing = Lock()
        self._given = False
        self._weights, self._weighed = weights.begun(before.weights), weights.UNSAID
        self._losses, self._breakers, self._pace = Losses(), Breakers(), Pace(time.monotonic())
        self._watch = Watch.of(written)
        loaded = load(written, name)
        if self._watch:
            self._watch.use(loaded)
        self._engine: Engine = start(loaded.config.engine.workers or _cores())
        self._present = Present(self._engine, self._tell, before.remembered)
        self._records: Records | None = None
        self._choosing = Choosing(self._engine)
        try:
            follows = before.line is not None
            unused = sockets.adopt(before.opened, loaded.config.listeners, self._engine, may_move=follows)
            self._records = records.opened(loaded, self._engine, self._tell, before.record_file)
            found = reconcile(loaded, self._engine, 1, self._ring, partial(self._begin, loaded.config))
            self._running = Running.of(loaded, found, unused)
            self._choosing.use(found.functions, loaded.config)
            parts = self._present.parts(loaded.config)
            self._weigh(replace(weights.kept(self._weights, loaded.config), parts=parts))
        except BaseException:
            self.stop()
            raise

    def status(self) -> Status:
        """Pools and servers as they do now."""
        report = Report.model_validate(self._engine.report())
        known = Known(self._present, self._weights, self._pace)
        return status(self.name, self._running.config, report, known)

    def metrics(self) -> Metrics:
        """What is counted, in the text format of Prometheus."""
        from equalizer.telemetry import exposition

        report = Report.model_validate(self._engine.report())
        return Metrics(exposition.text(figures(report, self._present, self._events.counts())))

    @property
    def loads(self) -> Mapping[tuple[str, str], int]:
        """What agents say, by pool and server: 0 idle to 100 overloaded, -1 unavailable; where known."""
        return self._present.loads

    def events(self, after: int = 0, wait: float = 0.0) -> Happenings:
        """What happened after the event of that number; waits for it, up to 5 seconds, where nothing did."""
        return self._events.after(after, wait)

    def set_state(
        self,
        pool: str,
        server: str,
        state: Wish,
        deadline: timedelta | None = None,
        idle_first: timedelta | None = None,
    ) -> StateChange:
        """Let a server drain, rest or serve.

        A draining server keeps its sessions and gets no new ones: until `deadline` has passed, and only those
        that have not been idle for `idle_first`. Raises RequestError.
        """
        terms = states.terms(state, deadline, idle_first)
        with self._changing:
            self._require(pool, server)
            standing = states.begun(state, terms, time.time())
            said = self._present.standings.get((pool, server))
            before, after = self._present.say((pool, server), standing)
            is_news = (said, before) != (self._present.standings.get((pool, server)), after)
        why = self._present.why((pool, server)) if after == "down" else ""
        change = StateChange(pool, server, before, state, standing.deadline, standing.idle_first, why)
        if is_news:
            self._tell(change)
        return change

    def set_weight(self, pool: str, server: str, weight: int | None) -> WeightChange:
        """Give a server another weight, 0 to 256; None as its configuration has it. Raises RequestError."""
        if weight is not None and (type(weight) is not int or not 0 <= weight <= 256):
            raise RequestError(f"found the weight {weight}", "write a whole number from 0 to 256")
        with self._changing:
            self._require(pool, server)
            configured = self._running.config.pools[pool].servers[server].weight
            before = self._weights.given.get((pool, server), configured)
            self._weigh(weights.with_given(self._weights, (pool, server), weight))
        change = WeightChange(pool, server, before, configured if weight is None else weight)
        if change.weight != before:
            self._tell(change)
        return change

    def reload(self, written: Written | None = None) -> Reloaded:
        """Read the file again, or take another configuration, whole or not at all.

        Raises EqualizerError when it is refused; what was served before is then served on.
        """
        try:
            reloaded = self._reload(written)
        except EqualizerError as error:
            self._tell(ReloadRefused(self._running.snapshot.revision, error))
            raise
        self._tell(reloaded)
        return reloaded

    def tick(self) -> None:
        """To be called about once a second, by one thread: for what changes with time.

        Reads the key file when it has changed, lets a key seal that waited, tells what was lost, counts the
        sessions of draining servers, ejects servers and readmits them, writes the records.
        """
        self._renew_keys()
        report = self._count_sessions()
        self._present.look(report)
        self._weigh_anew(report)
        if self._records:
            self._records.tick(self._running.config.records.every)

    def _renew_keys(self) -> None:
        if not self._changing.acquire(blocking=False):
            return  # a reload may take long, and reads them itself
        try:
            running = self._running
            keys, event = renewed(running.loaded, self._ring, running.snapshot.keys)
            if keys != running.snapshot.keys:
                snapshot = running.snapshot.model_copy(update={"keys": keys})
                self._engine.apply(snapshot)
                self._running = replace(running, snapshot=snapshot)
        finally:
            self._changing.release()
        if event:
            self._tell(event)

    def _count_sessions(self) -> Report:
        standings, now = self._present.standings, time.time()
        names = states.due(standings, now)
        report = Report.model_validate(self._engine.report(sessions=bool(names)))
        self._pace.note(report, time.monotonic())
        for news in (*self._losses.news(report, time.monotonic()), *self._breakers.news(report)):
            self._tell(news)
        for pool, server in names:
            counted = report.pools.get(pool, PoolReport()).servers.get(server, ServerReport()).sessions
            if counted is not None:
                standings[pool, server].history.append(Count(now, counted))
        return report

    def _weigh_anew(self, report: Report) -> None:
        if not self._changing.acquire(blocking=False):
            return  # a reload may take long; the next second is soon enough
        try:
            config, present = self._running.config, self._present
            parts = present.parts(config)
            self._weigh(weights.after_a_second(self._weights, config, report, present.loads, parts))
            self._choosing.see(report)
        finally:
            self._changing.release()

    def wants_reload(self) -> bool:
        """Whether the file should be read again by itself; to be asked from time to time, by one thread."""
        return bool(self._running.config.control.watch and self._watch and self._watch.is_new())

    @property
    def name(self) -> str:
        """The path of the file, or a word for what is none."""
        if isinstance(self._written, str | os.PathLike):
            return str(Path(self._written).absolute())
        return self._called

    @property
    def control_socket(self) -> Path | None:
        """The path that the configuration asks for."""
        loaded = self._running.loaded
        path = loaded.config.control.socket
        return None if path is None else loaded.source.base / path

    @property
    def admission(self) -> Admission | None:
        """Who may use the admin API, and where it is; None where there is none."""
        return self._running.admission

    def address(self, listener: str | None = None) -> str:
        """The `IP:port` that a listener really has; the name may be left out where there is one."""
        return self._engine.sockets()[reached.listener_of(self._running.config, listener)]

    def url(self, listener: str | None = None) -> str:
        """Where a client on this machine reaches a listener; a wildcard address is reached by loopback."""
        return reached.url(self._running.config, self._engine.sockets(), listener)

    def report(self) -> Mapping[str, object]:
        """Counters of the engine."""
        return self._engine.report()

    def summary(self) -> list[str]:
        """One line a listener: what it serves."""
        return reached.summary(self._running.config, self._engine.sockets())

    def notices(self) -> list[str]:
        """What the user should know although it is no error."""
        config = self._running.config
        seals = any(pool.persistence for pool in config.pools.values())
        kept = config.keys.file is not None or config.keys.environment is not None
        return [*self._running.notices, *([_NO_KEY_FILE] if seals and not kept else [])]

    def _reload(self, written: Written | None) -> Reloaded:
        with self._changing:
            self._require_rule()
            if written is None and not isinstance(self._written, str | os.PathLike):
                raise NotNowError(
                    f"the configuration came from the {self._called}, not from a file",
                    "write it into a file and run that",
                )
            asked = self._written if written is None else written
            watch = self._watch if written is None else Watch.of(written)
            if watch:
                watch.note()
            before, loaded = self._running, load(asked, self._called)
            if watch:
                watch.use(loaded)
            revision = before.snapshot.revision + 1
            apply = partial(self._apply, loaded.config)
            found = reconcile(loaded, self._engine, revision, self._ring, apply)
            after = Running.of(loaded, found)
            self._running, self._written, self._watch = after, asked, watch
            self._choosing.use(found.functions, loaded.config)
            self._weigh(weights.kept(self._weights, after.config))
        changes = {change.key: change for change in read_anew(before.snapshot, after.snapshot)}
        changes |= {change.key: change for change in diff(before.config, after.config)}
        lines = tuple(map(str, changes.values()))
        notices = (*after.notices, *for_later(before.config, after.config))
        return Reloaded(self.name, revision, lines, notices)

    def _apply(self, config: Config, found: Checked) -> None:
        shares = {name: pool.panic for name, pool in config.pools.items()}
        self._present.apply(found.snapshot, found.plan, shares, rules_of(config))

    def _begin(self, config: Config, found: Checked) -> None:
        self._restore(found.snapshot)
        self._apply(config, found)

    def _weigh(self, known: Weights) -> None:
        said = weights.wire(known, self._running.config)
        if said != self._weighed:
            self._engine.set_weights(said)
        self._weights, self._weighed = known, said

    def _require(self, pool: str, server: str) -> None:
        self._require_rule()
        table = pool_named(self._running.config.pools, pool)
        server_named(table.servers, pool, server)

    @contextmanager
    def handing_over(self) -> Iterator[tuple[Given, Callable[[], bytes]]]:
        """What another process takes over, and the records as they are when they are asked for.

        Nothing changes meanwhile. When it ends well, this service rules no more.
        """
        with self._changing:
            self._require_rule()
            file = self._records.file if self._records else None
            held = file.lend() if file else None
            record_file = None if file is None or held is None else Held(file.path, held)
            try:
                handles, known = self._engine.handles(), self._present.remembered()
                events = self._events.after(0)
                given = Given(handles, self._ring.own, known, self._weights.given, events, record_file)
                yield given, self._engine.records
            except BaseException:
                if file:
                    file.take_back()
                raise
            self._given = True

    def leave(self, *, hurry: bool = False) -> bool:
        """Accept nothing more, as another process does; whether no connection is left.

        They end in their time, or, in a `hurry`, after the exchange that they have.
        """
        timeouts = self._running.config.timeouts
        return self._engine.drain(timeouts.stop if hurry else timeouts.upgrade, in_their_time=not hurry)

    def _require_rule(self) -> None:
        if self._given:
            raise NotNowError("another process has taken over", "ask again: it answers now")

    def drain(self) -> bool:
        """Accept nothing more, wait up to `timeouts.stop` for exchanges in flight, write the records.

        Whether no exchange is left.
        """
        none_left = self._engine.drain(self._running.config.timeouts.stop)
        if self._records:
            self._records.write()
        return none_left

    def stop(self) -> None:
        """End at once; may be called again."""
        self._present.close()
        self._engine.stop()
        self._choosing.join()
        if self._records:
            self._records.close()
        self._events.close()

    def _restore(self, snapshot: Snapshot) -> None:
        if self._before.line:
            handed = self._before.records()
            if handed:
                self._engine.load_records(snapshot, handed)
        elif self._records:
            self._records.restore(snapshot)

    def __enter__(self) -> "Service":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain after success, end at once after a failure."""
        try:
            if error is None:
                self.drain()
        finally:
            self.stop()


def _cores() -> int:
    """Those that this process may use, where the system says; a container is given few of many."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
