"""ConfigurationService over a real channel."""

import grpc
import pytest
from google.protobuf import field_mask_pb2

from emailopens.injector.v1 import configuration_service_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from tests.injector.running_service import Service, refused

FULL = pb.Configuration(
    id="full",
    display_name="Rundbrief",
    description="for all",
    open_notifications_enabled=True,
    open_statistics_enabled=True,
    pixel_base_url="https://t.example.com/x/",
    pixel_placement=pb.Configuration.PIXEL_PLACEMENT_START,
    privacy_level=privacy_level_pb2.PRIVACY_LEVEL_MASKED,
    notified_headers=["X-Campaign"],
    senders=["news@example.com", "example.org"],
    open_expiry_days=30,
)
OUTPUT_ONLY = ("create_time", "update_time", "etag")


async def create(service: Service, configuration: pb.Configuration) -> pb.Configuration:
    request = pb.CreateConfigurationRequest(configuration=configuration)
    return (await service.configurations.CreateConfiguration(request)).configuration


async def get(service: Service, configuration_id: str) -> pb.Configuration:
    request = pb.GetConfigurationRequest(configuration_id=configuration_id)
    return (await service.configurations.GetConfiguration(request)).configuration


async def update(
    service: Service, configuration: pb.Configuration, *paths: str
) -> pb.Configuration:
    request = pb.UpdateConfigurationRequest(
        configuration=configuration, update_mask=field_mask_pb2.FieldMask(paths=paths)
    )
    return (await service.configurations.UpdateConfiguration(request)).configuration


async def all_ids(service: Service) -> list[str]:
    response = await service.configurations.ListConfigurations(pb.ListConfigurationsRequest())
    return [each.id for each in response.configurations]


def without(configuration: pb.Configuration, *names: str) -> pb.Configuration:
    copy = pb.Configuration()
    copy.CopyFrom(configuration)
    for name in names:
        copy.ClearField(name)  # type: ignore[arg-type] # names as values
    return copy


async def test_a_configuration_comes_back_whole(service: Service) -> None:
    """Creating answers what was given with times and etag, and so does getting."""
    created = await create(service, FULL)

    assert without(created, *OUTPUT_ONLY) == FULL
    assert created.etag
    assert created.create_time == created.update_time
    assert created.create_time.seconds > 1_700_000_000
    assert created == await get(service, "full")


async def test_output_only_fields_of_a_new_configuration_are_ignored(service: Service) -> None:
    """An etag or time that a client sends along changes nothing."""
    given = pb.Configuration(id="x", etag="mine")
    given.create_time.FromSeconds(1)

    created = await create(service, given)

    assert created.etag != "mine"
    assert created.create_time.seconds > 1


async def test_an_empty_configuration_gets_an_id_and_the_defaults(service: Service) -> None:
    """Without an ID one is made; placement and level say what holds."""
    created = await create(service, pb.Configuration())

    expected = pb.Configuration(
        id=created.id,
        pixel_placement=pb.Configuration.PIXEL_PLACEMENT_END,
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
    )
    assert len(created.id) == 16
    assert without(created, *OUTPUT_ONLY) == expected


async def test_an_id_is_taken_once(service: Service) -> None:
    """A second configuration with one ID is ALREADY_EXISTS and names the ID."""
    await create(service, FULL)

    with refused() as refusal:
        await create(service, pb.Configuration(id="full"))

    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    assert refusal.reason == "CONFIGURATION_EXISTS"
    assert refusal.metadata == {"configuration_id": "full"}


async def test_a_sender_is_bound_once(service: Service) -> None:
    """A sender of another configuration is ALREADY_EXISTS, with its place and the other."""
    await create(service, FULL)

    with refused() as refusal:
        await create(service, pb.Configuration(id="second", senders=["EXAMPLE.org"]))

    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    assert refusal.reason == "SENDER_BOUND"
    assert refusal.metadata == {"field": "configuration.senders[0]", "configuration_id": "full"}
    assert await all_ids(service) == ["full"]


@pytest.mark.parametrize(
    ("configuration", "fields"),
    [
        (pb.Configuration(id="A"), ["id"]),
        (pb.Configuration(id="-a"), ["id"]),
        (pb.Configuration(id="a" * 64), ["id"]),
        (pb.Configuration(id="a\n"), ["id"]),
        (pb.Configuration(id="a", display_name="x" * 129), ["display_name"]),
        (pb.Configuration(id="a", display_name="x\0"), ["display_name"]),
        (pb.Configuration(id="a", description="x" * 1_025), ["description"]),
        (pb.Configuration(id="a", pixel_base_url="ftp://example.com"), ["pixel_base_url"]),
        (pb.Configuration(id="a", pixel_base_url="https://"), ["pixel_base_url"]),
        (pb.Configuration(id="a", pixel_base_url="https://u:p@example.com"), ["pixel_base_url"]),
        (pb.Configuration(id="a", pixel_base_url="https://example.com/?q"), ["pixel_base_url"]),
        (pb.Configuration(id="a", pixel_base_url="https://example.com/#f"), ["pixel_base_url"]),
        (pb.Configuration(id="a", pixel_base_url='https://example.com/">'), ["pixel_base_url"]),
        (pb.Configuration(id="a", pixel_base_url="https://exämple.com"), ["pixel_base_url"]),
        (pb.Configuration(id="a", pixel_base_url="https://e.com/" + "x" * 187), ["pixel_base_url"]),
        (
            pb.Configuration(
                id="a",
                pixel_placement=pb.Configuration.PixelPlacement.ValueType(77),
                privacy_level=privacy_level_pb2.PrivacyLevel.ValueType(77),
            ),
            ["pixel_placement", "privacy_level"],
        ),
        (pb.Configuration(id="a", notified_headers=["X"] * 21), ["notified_headers"]),
        (
            pb.Configuration(id="a", notified_headers=["X", "", "a:b", "a b", "ä", "x" * 77]),
            [f"notified_headers[{index}]" for index in (1, 2, 3, 4, 5)],
        ),
        (pb.Configuration(id="a", senders=[f"d{n}.example" for n in range(101)]), ["senders"]),
        (
            pb.Configuration(id="a", senders=["ok.example", "", "a@", "a b@c", "-x", "OK.example"]),
            [f"senders[{index}]" for index in (1, 2, 3, 4, 5)],
        ),
        (pb.Configuration(id="a", open_expiry_days=-1), ["open_expiry_days"]),
        (pb.Configuration(id="a", open_expiry_days=3_651), ["open_expiry_days"]),
        (
            pb.Configuration(id="A", display_name="x" * 129, senders=["@"]),
            ["id", "display_name", "senders[0]"],
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
async def test_everything_wrong_is_named_at_once(
    service: Service, configuration: pb.Configuration, fields: list[str]
) -> None:
    """A wrong configuration is INVALID_ARGUMENT, names each wrong field, and is not kept."""
    with refused() as refusal:
        await create(service, configuration)

    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "INVALID_FIELD"
    assert [f"configuration.{field}" for field in fields] == refusal.fields
    assert await all_ids(service) == []


@pytest.mark.parametrize(
    "configuration",
    [
        pb.Configuration(id="a" * 63, display_name="ä" * 128, description="ä" * 1_024),
        pb.Configuration(id="0", pixel_base_url="https://e.com/" + "x" * 186),
        pb.Configuration(id="0", pixel_base_url="http://[::1]:8080/a/%20b"),
        pb.Configuration(id="0", notified_headers=["x" * 76] * 20),
        pb.Configuration(id="0", senders=[f"u{n}@d.example" for n in range(100)]),
        pb.Configuration(id="0", open_expiry_days=3_650),
    ],
    ids=["text", "url", "ipv6", "headers", "senders", "expiry"],
)
async def test_the_limits_themselves_are_allowed(
    service: Service, configuration: pb.Configuration
) -> None:
    """Exactly as much as the contract says is accepted."""
    created = await create(service, configuration)

    assert without(created, *OUTPUT_ONLY, "pixel_placement", "privacy_level") == configuration


async def test_many_violations_fit_into_the_trailers(service: Service) -> None:
    """A request with more faults than trailers can carry is still told of the first twenty."""
    with refused() as refusal:
        await create(
            service,
            pb.Configuration(id="?", senders=["?"] * 100, notified_headers=["?:"] * 20),
        )

    assert refusal.reason == "INVALID_FIELD"
    assert len(refusal.fields) == 20


@pytest.mark.parametrize("configuration_id", ["", "UPPER", "x" * 1_000])
async def test_a_malformed_id_is_invalid(service: Service, configuration_id: str) -> None:
    """An ID that cannot be one is INVALID_ARGUMENT wherever it is asked for."""
    with refused() as get_refusal:
        await get(service, configuration_id)
    with refused() as update_refusal:
        await update(service, pb.Configuration(id=configuration_id))
    with refused() as delete_refusal:
        await service.configurations.DeleteConfiguration(
            pb.DeleteConfigurationRequest(configuration_id=configuration_id)
        )

    assert get_refusal.fields == ["configuration_id"]
    assert update_refusal.fields == ["configuration.id"]
    assert delete_refusal.fields == ["configuration_id"]


async def test_an_unknown_id_is_not_found(service: Service) -> None:
    """Get, update and delete of what is not there are NOT_FOUND and name the ID."""
    with refused() as get_refusal:
        await get(service, "none")
    with refused() as update_refusal:
        await update(service, pb.Configuration(id="none", display_name="x"))
    with refused() as delete_refusal:
        await service.configurations.DeleteConfiguration(
            pb.DeleteConfigurationRequest(configuration_id="none")
        )

    for refusal in (get_refusal, update_refusal, delete_refusal):
        assert refusal.code is grpc.StatusCode.NOT_FOUND
        assert refusal.reason == "CONFIGURATION_NOT_FOUND"
        assert refusal.metadata == {"configuration_id": "none"}


async def test_a_missing_configuration_is_invalid(service: Service) -> None:
    """Create and update need a configuration."""
    with refused() as create_refusal:
        await service.configurations.CreateConfiguration(pb.CreateConfigurationRequest())
    with refused() as update_refusal:
        await service.configurations.UpdateConfiguration(pb.UpdateConfigurationRequest())

    assert create_refusal.fields == ["configuration"]
    assert update_refusal.fields[0] == "configuration"


async def test_pages_hold_every_configuration_once(service: Service) -> None:
    """Following the page tokens gives all of them in order, and an empty token on the last."""
    ids = [f"c{number:02}" for number in range(7)]
    for configuration_id in reversed(ids):
        await create(service, pb.Configuration(id=configuration_id))

    sizes, found, token = [], [], ""
    while True:
        page = await service.configurations.ListConfigurations(
            pb.ListConfigurationsRequest(page_size=3, page_token=token)
        )
        sizes.append(len(page.configurations))
        found += [each.id for each in page.configurations]
        token = page.next_page_token
        if not token:
            break

    assert sizes == [3, 3, 1]
    assert ids == found


async def test_the_last_page_has_no_token_even_when_full(service: Service) -> None:
    """A page that ends exactly with the last configuration says so."""
    await create(service, pb.Configuration(id="only"))

    page = await service.configurations.ListConfigurations(
        pb.ListConfigurationsRequest(page_size=1)
    )

    assert page.next_page_token == ""


async def test_page_sizes_are_bounded(service: Service) -> None:
    """Without a size a page has 50, a large one is taken as 1,000, a negative one is refused."""
    for number in range(51):
        await create(service, pb.Configuration(id=f"c{number}"))

    default = await service.configurations.ListConfigurations(pb.ListConfigurationsRequest())
    large = await service.configurations.ListConfigurations(
        pb.ListConfigurationsRequest(page_size=2**31 - 1)
    )
    with refused() as refusal:
        await service.configurations.ListConfigurations(
            pb.ListConfigurationsRequest(page_size=-1, page_token="a token of mine")  # noqa: S106 - no password
        )

    assert (len(default.configurations), len(large.configurations)) == (50, 51)
    assert refusal.fields == ["page_size", "page_token"]


@pytest.mark.parametrize("token", ["é", "AA", "YQ==", "!", "YWJj\n", "QUJD"])
async def test_a_foreign_page_token_is_invalid(service: Service, token: str) -> None:
    """Only tokens of ours are taken."""
    with refused() as refusal:
        await service.configurations.ListConfigurations(
            pb.ListConfigurationsRequest(page_token=token)
        )

    assert refusal.fields == ["page_token"]


async def test_a_mask_says_what_changes(service: Service) -> None:
    """Fields in the mask take the new value, also an empty one; others are not looked at."""
    created = await create(service, FULL)

    updated = await update(
        service,
        pb.Configuration(
            id="full",
            display_name="New",
            description="not in the mask " * 1_000,
            privacy_level=privacy_level_pb2.PrivacyLevel.ValueType(77),
        ),
        "display_name",
        "senders",
        "open_notifications_enabled",
    )

    expected = without(created, "senders", "open_notifications_enabled", "etag", "update_time")
    expected.display_name = "New"
    assert without(updated, "etag", "update_time") == expected
    assert updated.etag != created.etag
    assert updated == await get(service, "full")


async def test_without_a_mask_what_is_set_changes(service: Service) -> None:
    """Fields with a value change, those without one stay."""
    created = await create(service, FULL)

    updated = await update(service, pb.Configuration(id="full", description="changed"))

    expected = without(created, "etag", "update_time")
    expected.description = "changed"
    assert without(updated, "etag", "update_time") == expected


async def test_a_star_means_everything(service: Service) -> None:
    """With `*` what is not set becomes the default."""
    created = await create(service, FULL)

    updated = await update(service, pb.Configuration(id="full"), "*")

    assert updated.create_time == created.create_time
    assert without(updated, *OUTPUT_ONLY) == pb.Configuration(
        id="full",
        pixel_placement=pb.Configuration.PIXEL_PLACEMENT_END,
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
    )


async def test_a_mask_may_name_fixed_fields(service: Service) -> None:
    """A client that sends back all it got changes nothing but what it changed."""
    created = await create(service, FULL)
    created.display_name = "New"

    updated = await update(
        service, created, *(field.name for field in pb.Configuration.DESCRIPTOR.fields)
    )

    assert without(updated, "etag", "update_time") == without(created, "etag", "update_time")


@pytest.mark.parametrize("path", ["nope", "senders.x", "", "configuration.display_name"])
async def test_a_mask_names_fields_of_a_configuration(service: Service, path: str) -> None:
    """A path that is no field is INVALID_ARGUMENT, and nothing changes."""
    created = await create(service, FULL)

    with refused() as refusal:
        await update(service, pb.Configuration(id="full", display_name="x"), "display_name", path)

    assert refusal.fields == ["update_mask"]
    assert created == await get(service, "full")


async def test_a_stale_etag_is_aborted(service: Service) -> None:
    """Update and delete with an old etag are ABORTED, name the current one, and change nothing."""
    stale = (await create(service, FULL)).etag
    current = await update(service, pb.Configuration(id="full", etag=stale, description="two"))

    with refused() as update_refusal:
        await update(service, pb.Configuration(id="full", etag=stale, description="three"))
    with refused() as delete_refusal:
        await service.configurations.DeleteConfiguration(
            pb.DeleteConfigurationRequest(configuration_id="full", etag=stale)
        )

    for refusal in (update_refusal, delete_refusal):
        assert refusal.code is grpc.StatusCode.ABORTED
        assert refusal.reason == "ETAG_MISMATCH"
        assert refusal.metadata == {"configuration_id": "full", "etag": current.etag}
    assert current == await get(service, "full")


async def test_a_deleted_configuration_is_gone(service: Service) -> None:
    """After deleting with the current etag, the ID and its senders are free."""
    etag = (await create(service, FULL)).etag

    await service.configurations.DeleteConfiguration(
        pb.DeleteConfigurationRequest(configuration_id="full", etag=etag)
    )

    with refused() as refusal:
        await get(service, "full")
    assert refusal.reason == "CONFIGURATION_NOT_FOUND"
    assert FULL.id == (await create(service, FULL)).id
