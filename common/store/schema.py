"""The tables as the migrations leave them; ``alembic check`` in the tests holds both equal.

What the tables and columns mean is said by their comments in the migrations. Triggers, functions and CHECK constraints
stand there alone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Time,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSONB
from sqlalchemy.types import UserDefinedType

metadata = MetaData()

TIME = TIMESTAMP(timezone=True)
_POLLUTANTS = ("pm25", "pm10", "no2", "so2", "nh3", "co", "o3")
_WEATHER = (
    "temperature", "humidity", "wind_speed", "wind_u", "wind_v", "rain", "solar_radiation", "pressure", "dew_point",
    "boundary_layer_height",
)  # fmt: skip
_LEVELS = ("200", "300", "400")
_COUNTS = ("observed", "predicted", "hit", "persisted", "persisted_hit")


class Xid8(UserDefinedType[str]):
    """The number of a transaction."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Its name on the server."""
        return "xid8"


def _key(name: str, type_: Any = Text, **options: Any) -> Column[Any]:
    return Column(name, type_, primary_key=True, **options)


def _needed(name: str, type_: Any = Text, **options: Any) -> Column[Any]:
    return Column(name, type_, nullable=False, **options)


def _all(names: tuple[str, ...], type_: Any) -> list[Column[Any]]:
    return [Column(name, type_) for name in names]


def _of_forecast() -> ForeignKeyConstraint:
    names = ["city", "target", "mode", "origin"]
    return ForeignKeyConstraint(names, [f"forecast.{name}" for name in names], ondelete="CASCADE")


meta = Table("meta", metadata, _key("key"), _needed("value"))

reading = Table(
    "reading", metadata,
    _key("city"), _key("source"), _key("station"), _key("time", TIME), _needed("basis"),
    *_all(_POLLUTANTS, REAL), *_all(_WEATHER, REAL),
    _needed("published", JSONB, server_default="{}"), _needed("received_at", TIME),
    Index("reading_time", "time"),
)  # fmt: skip
reading_revision = Table(
    "reading_revision", metadata,
    _key("city"), _key("source"), _key("station"), _key("time", TIME), _key("replaced_at", TIME),
    _needed("received_at", TIME), _needed("was", JSONB),
)  # fmt: skip
city_hour = Table(
    "city_hour", metadata,
    _key("city"), _key("time", TIME), Column("source", Text), Column("basis", Text),
    _needed("stations", SmallInteger, server_default="0"),
    *_all(_POLLUTANTS, REAL), *_all(_WEATHER, REAL),
    Column("aqi", SmallInteger), Column("dominant", Text), Column("aqi_us", SmallInteger), Column("dominant_us", Text),
    _needed("detail", JSONB, server_default="{}"), _needed("computed_at", TIME),
    _needed("flags", ARRAY(Text), server_default="{}"),
    Index("city_hour_time", "time"),
)  # fmt: skip
city_hour_revision = Table(
    "city_hour_revision", metadata,
    _key("city"), _key("time", TIME), _key("replaced_at", TIME), _needed("computed_at", TIME), _needed("was", JSONB),
)  # fmt: skip
city_day = Table(
    "city_day", metadata,
    _key("city"), _key("day", Date), _needed("rolled_at", TIME), Column("basis", Text), Column("source", Text),
    _needed("hours", SmallInteger), *_all(_POLLUTANTS, REAL),
    Column("aqi", REAL), Column("aqi_max", SmallInteger), Column("aqi_us", REAL), Column("aqi_us_max", SmallInteger),
)  # fmt: skip
city_day_stale = Table(
    "city_day_stale", metadata,
    _key("city"), _key("day", Date), _needed("changed_by", Xid8, server_default=text("pg_current_xact_id()")),
)  # fmt: skip
provider_forecast = Table(
    "provider_forecast", metadata,
    _key("city"), _key("source"), _key("kind"), _key("received_at", TIME),
    _needed("issued_at", TIME), _needed("first", TIME), _needed("known", SmallInteger),
    *_all(_POLLUTANTS, ARRAY(REAL)), *_all(_WEATHER, ARRAY(REAL)),
)  # fmt: skip

source_run = Table(
    "source_run", metadata,
    _key("source"), _key("started_at", TIME), _needed("finished_at", TIME), _needed("readings", Integer),
    _needed("rejected", JSONB), Column("reason", Text), Column("message", Text), Column("latest", TIME),
    Column("rests_until", TIME),
)  # fmt: skip
source_usage = Table(
    "source_usage", metadata, _key("source"), _key("until", TIME), _needed("calls", DOUBLE_PRECISION)
)
backfilled = Table(
    "backfilled", metadata, _key("source"), _key("city"), _key("day", Date), _needed("filled_at", TIME)
)
notification = Table(
    "notification", metadata,
    _key("kind"), _key("subject"), _needed("message"), _needed("since", TIME), Column("sent_at", TIME),
)  # fmt: skip

model = Table(
    "model", metadata,
    _key("version"), _needed("city"), _needed("target"), _needed("mode"), _needed("family"), _needed("status"),
    _needed("reason"), _needed("trained_at", TIME), _needed("window_start", TIME), _needed("window_end", TIME),
    _needed("samples", Integer), _needed("features_hash"), _needed("checksum"), _needed("metrics", JSONB),
    Column("promoted_at", TIME), Column("pruned_at", TIME), Column("challenger_until", TIME),
    Column("held_until", TIME),
    Index(
        "model_champion", "city", "target", "mode", unique=True, postgresql_where=text("status = 'champion'")
    ),
    Index("model_by_city", "city", "target", "mode", text("trained_at DESC")),
    Index("model_newest", text("trained_at DESC"), text('version COLLATE "C"')),
)  # fmt: skip
training_plan = Table(
    "training_plan", metadata,
    _key("city"), _key("mode"), _key("day", Date), _needed("reason"), _needed("planned_at", TIME),
)  # fmt: skip

forecast = Table(
    "forecast", metadata,
    _key("city"), _key("target"), _key("mode"), _needed("issued_at", TIME), _key("origin", TIME),
    _needed("known_until", TIME),
    Column("model_version", Text, ForeignKey("model.version", ondelete="SET NULL")), _needed("family"),
    _needed("inputs_hash"), Column("basis", Text), Column("source", Text),
    *(
        _needed(name, ARRAY(REAL))
        for name in ("y", "lo80", "hi80", "lo95", "hi95", "categories", "persistence", "daily", "mean24")
    ),
    Column("weekly", ARRAY(REAL)),
    Index("forecast_by_origin", "origin"),
)  # fmt: skip
forecast_truth = Table(
    "forecast_truth", metadata,
    _key("city"), _key("target"), _key("mode"), _key("origin", TIME), _needed("actual", ARRAY(REAL)),
    _needed("scored", SmallInteger), _needed("scored_at", TIME), _of_forecast(),
)  # fmt: skip
forecast_challenger = Table(
    "forecast_challenger", metadata,
    _key("city"), _key("target"), _key("mode"), _key("origin", TIME), _key("challenger"), _needed("y", ARRAY(REAL)),
    _of_forecast(),
)  # fmt: skip
forecast_expert = Table(
    "forecast_expert", metadata,
    _key("city"), _key("target"), _key("mode"), _key("origin", TIME),
    _needed("names", ARRAY(Text)), _needed("y", ARRAY(REAL)), _needed("weights", ARRAY(REAL)), _of_forecast(),
    Index("forecast_expert_age", "origin"),
)  # fmt: skip
forecast_inputs = Table(
    "forecast_inputs", metadata,
    _key("city"), _key("target"), _key("mode"), _key("origin", TIME),
    *(
        _needed(f"{part}{suffix}", type_)
        for part in ("matrix", "recipe")
        for suffix, type_ in (("", LargeBinary), ("_sha256", Text), ("_bytes", Integer))
    ),
    _needed("model_bytes", Integer), _of_forecast(),
    Index("forecast_inputs_age", "origin"),
)  # fmt: skip
forecast_day_state = Table(
    "forecast_day_state", metadata,
    _key("city"), _key("target"), _key("mode"), _key("day", Date), _needed("rolled", Boolean),
    Index("forecast_day_due", "mode", "day", postgresql_where=text("NOT rolled")),
)  # fmt: skip
forecast_day = Table(
    "forecast_day", metadata,
    _needed("city"), _needed("target"), _needed("mode"), _needed("day", Date),
    _needed("challenger"), _needed("version"), _needed("family"), _needed("lead", SmallInteger),
    *(_needed(name, SmallInteger) for name in ("n", "large", "within80", "within95")),
    *(_needed(f"{name}_{level}", SmallInteger) for level in _LEVELS for name in _COUNTS),
    *(_needed(name, DOUBLE_PRECISION) for name in ("error", "squared", "bias")), Column("share", DOUBLE_PRECISION),
    *(_needed(name, DOUBLE_PRECISION) for name in ("actual", "actual_squared")),
    *_all(("persistence", "daily", "mean24", "ours", "width80", "width95", "loss", "weekly"), DOUBLE_PRECISION),
    _needed("weekly_n", SmallInteger, server_default="0"),
    Index("forecast_day_of", "city", "target", "mode", "day"),
)  # fmt: skip
forecast_day_stated = Table(
    "forecast_day_stated", metadata,
    _needed("city"), _needed("target"), _needed("mode"), _needed("day", Date),
    _needed("version"), _needed("family"), _needed("event"), _needed("bin", SmallInteger),
    _needed("n", Integer), _needed("stated", DOUBLE_PRECISION), _needed("happened", Integer),
    Index("forecast_day_stated_of", "city", "target", "mode", "day"),
)  # fmt: skip

_OF_RECORD = ("city", "target", "mode")


def _record_table(name: str, *columns: Any) -> Table:
    return Table(name, metadata, *(_key(part) for part in _OF_RECORD), *columns)


verification_day_state = _record_table(
    "verification_day_state", _key("day", Date), _needed("rolled", Boolean),
    Index("verification_day_due", "mode", "day", postgresql_where=text("NOT rolled")),
)  # fmt: skip
verification_day = _record_table(
    "verification_day", _key("day", Date), _key("lead", SmallInteger),
    *(_needed(name, SmallInteger) for name in ("n", "within80", "within95", "weekly_n")),
    *(
        _needed(name, DOUBLE_PRECISION)
        for name in ("error", "squared", "bias", "width80", "width95", "persistence", "daily", "mean24")
    ),
    Column("weekly", DOUBLE_PRECISION),
)  # fmt: skip
verification_day_provider = _record_table(
    "verification_day_provider", _key("day", Date), _key("lead", SmallInteger), _key("provider"),
    _needed("n", SmallInteger), _needed("error", DOUBLE_PRECISION), _needed("ours", DOUBLE_PRECISION),
)  # fmt: skip
verification_day_stated = _record_table(
    "verification_day_stated", _key("day", Date), _key("lead", SmallInteger), _key("event"), _key("bin", SmallInteger),
    _needed("n", SmallInteger), _needed("stated", DOUBLE_PRECISION), _needed("happened", SmallInteger),
)  # fmt: skip
verification_cell = _record_table(
    "verification_cell", _key("season"), _key("lead", SmallInteger),
    _needed("n", Integer), _needed("days", Integer), _needed("first_day", Date), _needed("last_day", Date),
    *(
        _needed(name, DOUBLE_PRECISION)
        for name in (
            "mae", "rmse", "bias", "coverage80", "coverage95", "width80", "width95",
            "persistence", "daily", "mean24",
        )
    ),
    Column("weekly", DOUBLE_PRECISION), _needed("best_naive"),
    *_all(("skill", "skill_low", "skill_high"), DOUBLE_PRECISION),
)  # fmt: skip
verification_cell_provider = _record_table(
    "verification_cell_provider", _key("season"), _key("lead", SmallInteger), _key("provider"),
    _needed("n", Integer), _needed("days", Integer),
    _needed("mae", DOUBLE_PRECISION), _needed("our_mae", DOUBLE_PRECISION),
    *_all(("our_skill", "our_skill_low", "our_skill_high"), DOUBLE_PRECISION),
)  # fmt: skip
verification_cell_stated = _record_table(
    "verification_cell_stated", _key("season"), _key("lead", SmallInteger), _key("event"), _key("bin", SmallInteger),
    _needed("n", Integer), _needed("stated", DOUBLE_PRECISION), _needed("happened", Integer),
)  # fmt: skip

job = Table(
    "job", metadata,
    _key("id", BigInteger, server_default=Identity(always=True)), _needed("type"), _needed("key"),
    _needed("payload", JSONB), _needed("state", server_default="queued"),
    _needed("attempts", SmallInteger, server_default="0"), _needed("max_attempts", SmallInteger),
    _needed("available_at", TIME), Column("leased_until", TIME), _needed("created_at", TIME),
    Column("finished_at", TIME), Column("error", Text), Column("started_at", TIME), Column("outcome", JSONB),
    Index("job_waiting", "type", "key", unique=True, postgresql_where=text("state = 'queued'")),
    Index("job_due", "available_at", postgresql_where=text("state IN ('queued', 'running')")),
)  # fmt: skip
idempotency_key = Table(
    "idempotency_key", metadata,
    _key("client"), _key("key"), _needed("request"), _needed("requested_at", TIME),
    Column("job", BigInteger, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Index("idempotency_key_job", "job"),
)  # fmt: skip

api_key = Table(
    "api_key", metadata,
    _key("prefix"), _needed("hash", LargeBinary), _needed("name"), _needed("scopes", ARRAY(Text)),
    _needed("created_at", TIME), Column("expires_at", TIME), Column("revoked_at", TIME), Column("last_used_at", TIME),
    Index("api_key_name", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
)  # fmt: skip
version = Table(
    "version", metadata,
    _key("what"), _needed("version", BigInteger), _needed("secret", Uuid, server_default=text("gen_random_uuid()")),
)  # fmt: skip
version_due = Table(
    "version_due", metadata,
    _key("what"), _key("xact", Xid8, server_default=text("pg_current_xact_id()")),
)  # fmt: skip
stored_response = Table(
    "stored_response", metadata,
    _key("name"), _needed("version", BigInteger), _needed("hour", TIME), _needed("body"),
)  # fmt: skip
outbox = Table(
    "outbox", metadata,
    _key("id", BigInteger, server_default=Identity(always=True)),
    _needed("message_id", Uuid, server_default=text("gen_random_uuid()")),
    _needed("channel"), _needed("body", JSONB), _needed("created_at", TIME),
    _needed("attempts", Integer, server_default="0"), Column("claimed_until", TIME), Column("error", Text),
)  # fmt: skip

event = Table(
    "event", metadata,
    _key("id", BigInteger, server_default=Identity(always=True)), Column("seq", BigInteger, unique=True),
    _needed("kind"), _needed("cities", ARRAY(Text), server_default="{}"), Column("data_version", BigInteger),
    _needed("time", TIME), _needed("detail", JSONB, server_default="{}"),
)  # fmt: skip
event_due = Table("event_due", metadata, _key("xact", Xid8, server_default=text("pg_current_xact_id()")))
event_cursor = Table("event_cursor", metadata, _key("consumer"), _needed("seq", BigInteger))
event_push = Table(
    "event_push", metadata,
    _key("seq", BigInteger, autoincrement=False), _needed("kind"), _needed("cities", ARRAY(Text)),
    Column("hour", TIME), _needed("pushed_at", TIME),
    Index("event_push_age", "pushed_at"),
)  # fmt: skip

alert_owner = Table(
    "alert_owner", metadata,
    _key("id", Uuid), Column("key_name", Text, unique=True), Column("email_digest", LargeBinary, unique=True),
    Column("email", LargeBinary), Column("token_hash", LargeBinary, unique=True),
    Column("confirmed_at", TIME), _needed("created_at", TIME), _needed("public", Boolean, server_default="false"),
    Index("alert_owner_public", "public", unique=True, postgresql_where=text("public")),
)  # fmt: skip
_CONDITION = (
    ("above", DOUBLE_PRECISION, False), ("clear_below", DOUBLE_PRECISION, False),
    ("within_hours", SmallInteger, True), ("probability", DOUBLE_PRECISION, True), ("dwell", SmallInteger, False),
)  # fmt: skip


def _condition() -> list[Column[Any]]:
    return [
        *(_needed(name) for name in ("city", "basis", "target")),
        *(Column(name, type_, nullable=may_lack) for name, type_, may_lack in _CONDITION),
    ]


alert_rule = Table(
    "alert_rule", metadata,
    _key("id", Uuid), Column("owner", Uuid, ForeignKey("alert_owner.id", ondelete="CASCADE"), nullable=False),
    *_condition(),
    _needed("channel"), _needed("address", LargeBinary), _needed("address_digest", LargeBinary),
    Column("secrets", LargeBinary), Column("secret_until", TIME), _needed("language"),
    Column("quiet_from", Time), Column("quiet_to", Time), Column("quiet_zone", Text),
    Column("repeat_after_hours", SmallInteger),
    _needed("state"), Column("disabled_because", Text), Column("confirmed_at", TIME), _needed("created_at", TIME),
    Index("alert_rule_of", "owner", "created_at"),
    Index("alert_rule_active", "city", postgresql_where=text("state = 'active'")),
    Index("alert_rule_unconfirmed", "created_at", postgresql_where=text("state = 'unconfirmed'")),
)  # fmt: skip
alert_state = Table(
    "alert_state", metadata,
    Column("rule", Uuid, ForeignKey("alert_rule.id", ondelete="CASCADE"), primary_key=True),
    _needed("phase"), _needed("since", TIME), _needed("streak", Integer), Column("signal_time", TIME),
    Column("episode", Uuid), Column("notified_at", TIME), _needed("held", Boolean),
)  # fmt: skip
alert_episode = Table(
    "alert_episode", metadata,
    _key("id", Uuid), Column("rule", Uuid, ForeignKey("alert_rule.id", ondelete="SET NULL")), *_condition(),
    _needed("began_at", TIME), _needed("began_value", DOUBLE_PRECISION), _needed("peak", DOUBLE_PRECISION),
    _needed("last_at", TIME), _needed("last_value", DOUBLE_PRECISION),
    Column("ended_at", TIME), Column("ended_because", Text),
    _needed("simulated", Boolean), _needed("recorded_at", TIME), Column("event_id", BigInteger),
    Index("alert_episode_time", "began_at"),
    Index("alert_episode_of", "rule", postgresql_where=text("rule IS NOT NULL")),
)  # fmt: skip
alert_delivery = Table(
    "alert_delivery", metadata,
    _key("id", Uuid),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("rule", Uuid, ForeignKey("alert_rule.id", ondelete="CASCADE"), nullable=False),
    _needed("kind"), Column("episode", Uuid), Column("event_id", BigInteger), Column("message_id", Text),
    _needed("signal_time", TIME), Column("value", DOUBLE_PRECISION), Column("since", TIME),
    _needed("status"), _needed("attempts", SmallInteger, server_default="0"),
    Column("next_attempt_at", TIME), Column("claimed_until", TIME), Column("claim", Uuid),
    Column("response_status", SmallInteger), Column("error", Text),
    _needed("created_at", TIME), Column("delivered_at", TIME),
    Index("alert_delivery_of", "rule", text("number DESC")),
    Index("alert_delivery_due", "next_attempt_at", postgresql_where=text("status IN ('held', 'pending')")),
    Index(
        "alert_delivery_open", "rule", "number",
        postgresql_where=text("status IN ('held', 'pending', 'sending')"),
    ),
    Index("alert_delivery_claimed", "claimed_until", postgresql_where=text("status = 'sending'")),
    Index("alert_delivery_age", "created_at"),
    Index("alert_delivery_event", "event_id", postgresql_where=text("event_id IS NOT NULL")),
    Index("alert_delivery_message", "message_id", postgresql_where=text("message_id IS NOT NULL")),
)  # fmt: skip
alert_mail = Table(
    "alert_mail", metadata,
    _key("id", BigInteger, server_default=Identity(always=True)),
    _needed("address_digest", LargeBinary), _needed("client_digest", LargeBinary), _needed("sent_at", TIME),
    Index("alert_mail_to", "address_digest", "sent_at"),
    Index("alert_mail_by", "client_digest", "sent_at"),
)  # fmt: skip
alert_judged = Table(
    "alert_judged", metadata,
    Column("rule", Uuid, ForeignKey("alert_rule.id", ondelete="CASCADE"), primary_key=True),
    _needed("condition"), _needed("since", TIME), _needed("judged_at", TIME),
    Index("alert_judged_due", "judged_at"),
)  # fmt: skip
alert_outcome = Table(
    "alert_outcome", metadata,
    _key("id", BigInteger, server_default=Identity(always=True)),
    Column("rule", Uuid, ForeignKey("alert_rule.id", ondelete="SET NULL")),
    Column("owner", Uuid, ForeignKey("alert_owner.id", ondelete="SET NULL")),
    _needed("public", Boolean), _needed("city"), _needed("basis"), _needed("target"), _needed("outcome"),
    _needed("time", TIME), Column("until", TIME), Column("peak", DOUBLE_PRECISION),
    Column("warned_at", TIME), Column("warning_hours", DOUBLE_PRECISION),
    Index("alert_outcome_of", "rule", "time", postgresql_where=text("rule IS NOT NULL")),
    Index("alert_outcome_owner", "owner", postgresql_where=text("owner IS NOT NULL")),
)  # fmt: skip
pipeline_delay = Table(
    "pipeline_delay", metadata,
    _key("hour", TIME), _key("source"), _key("city"), _needed("collected", Integer),
    *_all(("committed", "forecast", "pushed"), Integer),
)  # fmt: skip
writer_lease = Table(
    "writer_lease", metadata,
    _key("name"), _needed("token", BigInteger), _needed("holder"), _needed("taken_at", TIME),
)  # fmt: skip
