"""The enumerations that clients see, each value with what it means."""

from enum import StrEnum

import strawberry

from models.money import Currency
from models.rails import PayoutSpeed
from models.security import SecurityEventKind
from models.transfers import Rail, RailEnvironment, TransferStatus, Visibility
from resolvers.context import TokenScope
from resolvers.errors import UserErrorCode
from resolvers.feed import FeedKind


def _enum(choices: type[StrEnum], description: str, values: dict[StrEnum, str], name: str | None = None) -> None:
    defined = strawberry.enum(choices, name=name, description=description)
    for value in defined.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[choices(value.value)]


_enum(
    Currency,
    "The currencies that a wallet can hold, as in ISO 4217.",
    {
        Currency.USD: "US dollar, with two decimal places.",
        Currency.EUR: "Euro, with two decimal places.",
        Currency.GBP: "Pound sterling, with two decimal places.",
        Currency.JPY: "Japanese yen, without decimal places.",
        Currency.CNY: "Chinese yuan, with two decimal places.",
    },
    name="CurrencyCode",
)
_enum(
    FeedKind,
    "Which posts a feed shows.",
    {
        FeedKind.FOLLOWING: "Posts of those whom the viewer follows, and the viewer's own. Needs a sign-in.",
        FeedKind.LATEST: "Everyone's posts. Answers the signed out too.",
    },
)
_enum(
    Visibility,
    "Who may see a transfer, besides its two parties.",
    {
        Visibility.PUBLIC: "Everyone.",
        Visibility.FOLLOWERS: "Those who follow its sender.",
        Visibility.PARTIES_ONLY: "Nobody else.",
    },
)
_enum(
    TransferStatus,
    "Where a transfer stands.",
    {
        TransferStatus.PENDING_RAIL: "A network outside has yet to say that the money comes.",
        TransferStatus.HELD: "The money is set aside, and has yet to leave.",
        TransferStatus.COMPLETED: "The money has moved.",
        TransferStatus.RETURNED: "A bank or a network has given it back.",
        TransferStatus.DECLINED: "A network has refused it; nothing has moved.",
        TransferStatus.REVERSED: "All of it has been refunded, or it was taken back.",
    },
)
_enum(
    Rail,
    "The network over which money enters or leaves.",
    {
        Rail.SANDBOX: "The embedded rail: play money that moves at once.",
        Rail.VISA_DIRECT: "Visa Direct: debit cards.",
        Rail.STRIPE: "Stripe: cards and bank accounts.",
        Rail.ACH: "The Automated Clearing House: bank accounts in the United States.",
        Rail.ISO20022: "Credit transfers by ISO 20022, such as SEPA's.",
    },
)
_enum(
    RailEnvironment,
    "Whether a rail moves play money or real money.",
    {RailEnvironment.SANDBOX: "Play money.", RailEnvironment.LIVE: "Real money."},
)
_enum(
    PayoutSpeed,
    "How fast a withdrawal is wanted.",
    {
        PayoutSpeed.INSTANT: "It is sent at once.",
        PayoutSpeed.STANDARD: "It is sent after ten minutes, in which it can be cancelled.",
    },
)
_enum(
    TokenScope,
    "What an access token may do.",
    {
        TokenScope.READ: "See what is private: all under `viewer`, wallets, the feed FOLLOWING, and private transfers.",
        TokenScope.WRITE: "Post, like, repost, follow and block, and see what is so marked.",
        TokenScope.PAY: "Move money: tip, send, refund, top up and withdraw, and see the balance that this leaves.",
    },
)
_enum(
    UserErrorCode,
    "What kind of expected failure it is, for programs.",
    {
        UserErrorCode.INVALID: "A value cannot be accepted.",
        UserErrorCode.NOT_FOUND: "Something that is named does not exist, or not for this viewer.",
        UserErrorCode.NOT_PERMITTED: "The viewer, or the token, may not do this.",
        UserErrorCode.INSUFFICIENT_FUNDS: "The wallet has too little.",
        UserErrorCode.LIMIT_EXCEEDED: "A limit would be passed.",
        UserErrorCode.IDEMPOTENCY_CONFLICT: "The idempotency key belongs to another request.",
        UserErrorCode.RISK_HOLD: "The money is held back, by the operator or by a rule against abuse.",
        UserErrorCode.RAIL_DECLINED: "A network outside has refused to move the money.",
        UserErrorCode.BLOCKED: "One of the two has blocked the other.",
    },
)
_enum(
    SecurityEventKind,
    "What has happened with an account. There may be more kinds in future.",
    {
        SecurityEventKind.SIGNED_UP: "The account was opened.",
        SecurityEventKind.SIGNED_IN: "A session began, by signing up or with the password.",
        SecurityEventKind.SIGN_IN_FAILED: "Somebody gave a wrong password; 20 are listed an hour.",
        SecurityEventKind.SIGNED_OUT: "A session was ended by signing out.",
        SecurityEventKind.TOKEN_CREATED: "An access token was made.",
        SecurityEventKind.TOKEN_REVOKED: "An access token was revoked.",
        SecurityEventKind.SESSION_REVOKED: "A session was ended from another one.",
        SecurityEventKind.PASSKEY_REGISTERED: "A passkey was registered.",
        SecurityEventKind.PASSKEY_REVOKED: "A passkey was revoked.",
        SecurityEventKind.SIGNED_IN_WITH_PASSKEY: "A session began with a passkey.",
        SecurityEventKind.PASSKEY_REFUSED: "A passkey's answer was wrong, or its count went back, as a copy's would; 20"
        " are listed an hour.",
        SecurityEventKind.MONEY_MOVED: "The account tipped, paid, refunded, topped up or withdrew.",
        SecurityEventKind.CARD_LINKED: "A debit card was linked.",
        SecurityEventKind.BANK_ACCOUNT_LINKED: "A bank account was linked.",
        SecurityEventKind.BANK_ACCOUNT_VERIFIED: "A bank account's two deposits were named.",
        SecurityEventKind.BANK_ACCOUNT_REFUSED: "Wrong amounts were named for a bank account's two deposits.",
        SecurityEventKind.SOURCE_REMOVED: "A debit card or a bank account was removed.",
        SecurityEventKind.SCOPE_REFUSED: "An access token asked for what it may not do at all; 20 are listed an hour.",
        SecurityEventKind.LIMIT_REFUSED: "Money would have passed a limit of the account or the token; 20 are listed"
        " an hour.",
        SecurityEventKind.RISK_REFUSED: "Money was held back: a freeze or a rule against abuse; 20 are listed an hour.",
        SecurityEventKind.ACCOUNT_FROZEN: "The operator has frozen the account: it moves no money.",
        SecurityEventKind.ACCOUNT_THAWED: "The operator has ended that.",
        SecurityEventKind.TOKEN_FROZEN: "The operator has frozen an access token: it moves no money.",
        SecurityEventKind.TOKEN_THAWED: "The operator has ended that.",
        SecurityEventKind.TIER_GRANTED: "The operator has set the account's tier, by which its limits go.",
    },
)
