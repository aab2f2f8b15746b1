"""Words at the edge of what forms accept: long ones without a space, right-to-left ones, wide ones, huge figures."""

from __future__ import annotations

from collections.abc import Sequence

UNBROKEN = "Grundstuecksverkehrsgenehmigungszustaendigkeitsuebertragungsverordnungsabteilungsleitung"
"""A name of 88 characters in which no line can end."""
ARABIC = "مؤسسة النيل للبرمجيات والخدمات السحابية المتكاملة"
JAPANESE = "株式会社長い名前の会計同期と請求書自動照合サービス開発部"
EMOJI = "🚀 Release train 🧑🏽🎻🎉 (staging) 🇳🇱 🐘"
MIXED = "Invoices فواتير 2026 – 請求書 #00123"
HUGE = 123_456_789_012

NAMES = (
    UNBROKEN,
    ARABIC,
    JAPANESE,
    EMOJI,
    MIXED,
    "Wim van der Berg-Östlund y Fernández de la Fuente",
    "Nguyễn Thị Minh Khai",
    "i",
    "Ölçüm İstasyonu",
    "O’Brien & Söhne <reports>",
    "weekly_export_of_everything_that_changed_since_monday_v2_final",
)
PLAIN = ("Billing", "Warehouse sync", "CI deploys", "Metrics", "Help desk", "Payroll", "Newsletter", "Door badges")

SCOPES = tuple(
    (f"{area}.documents.and.their.attachments.of.all.departments:{verb}".ljust(60, "x")[:60], title)
    for area, verb, title in (
        ("archive", "read", "See every document of the archive, with its attachments, its history and who has read it"),
        ("ledger", "read", "اطلع على دفاتر الحسابات وفواتيرها ومرفقاتها لكل الأقسام"),
        ("ledger", "write", "すべての部署の帳簿と請求書と添付ファイルを作成し、変更する"),
        ("payroll", "read", UNBROKEN),
        ("roster", "write", "Plan shifts 🗓️ and change them, also those of other people"),
        ("export", "read", "Fetch everything as one file"),
    )
)
"""Six scopes with names of 60 characters: name, sentence."""

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Safari/604.1",
    "curl/8.14.1",
    "Program" + "-with-a-long-name" * 20,
)
ADDRESSES = ("127.0.0.1", "10.200.103.254", "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe")


def name(number: int) -> str:
    """A different name for every number, but for the one that is full; two in three are hard ones."""
    words: Sequence[str] = NAMES if number % 3 < 2 else PLAIN
    place = number // 3 * 2 + number % 3 if words is NAMES else number // 3
    chosen, turn = words[place % len(words)], place // len(words)
    return f"{chosen} {turn + 1}" if turn and chosen != UNBROKEN else chosen


def email(number: int) -> str:
    """An address; every seventh is as long as a mail system lets it be."""
    if number % 7 == 0:
        return f"{'somebody.with.a.very.long.local.part.' + 'a' * 20}{number:03}@{'subdomain.' * 6}example.com"
    return f"person.{number:03}@example.com"


def redirect_uris(number: int, count: int) -> tuple[str, ...]:
    """So many addresses, the last ones long."""
    short = [f"https://app-{number:02}.example.com/callback/{each}" for each in range(count)]
    return tuple(each + ("/tenant" * 12 if place > 30 else "") for place, each in enumerate(short))
