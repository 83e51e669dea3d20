"""Everything that can be changed: one mutation a field, its arguments in one input, its outcome in one payload."""

import strawberry

from schema import account_mutations, content_mutations, funding_mutations, money_mutations, passkey_mutations
from schema.payloads import mutation


@strawberry.type(description="Everything that can be changed. Fields of one document run one after another.")
class Mutation:
    """Everything that can be changed."""

    sign_up: account_mutations.SessionPayload = mutation(account_mutations.sign_up, "Opens an account and signs it in.")
    sign_in: account_mutations.SessionPayload = mutation(account_mutations.sign_in, "Begins a session.")
    sign_out: account_mutations.SignOutPayload = mutation(account_mutations.sign_out, "Ends the session.")
    create_access_token: account_mutations.AccessTokenPayload = mutation(
        account_mutations.create_access_token, "Makes a token with which an app can act for the viewer."
    )
    revoke_access_token: account_mutations.AccessTokenPayload = mutation(
        account_mutations.revoke_access_token, "Makes one of the viewer's tokens useless."
    )
    revoke_session: account_mutations.RevokeSessionPayload = mutation(
        account_mutations.revoke_session, "Ends one of the viewer's sessions, wherever it is."
    )
    revoke_other_sessions: account_mutations.RevokeOtherSessionsPayload = mutation(
        account_mutations.revoke_other_sessions, "Ends all of the viewer's sessions but the one that asks."
    )
    begin_passkey_registration: passkey_mutations.BeginPasskeyRegistrationPayload = mutation(
        passkey_mutations.begin_passkey_registration, "Begins to register a passkey, with which the viewer can sign in."
    )
    register_passkey: passkey_mutations.PasskeyPayload = mutation(
        passkey_mutations.register_passkey, "Registers the passkey that a browser has made for the viewer."
    )
    begin_passkey_sign_in: passkey_mutations.BeginPasskeySignInPayload = mutation(
        passkey_mutations.begin_passkey_sign_in, "Begins to sign in with a passkey, whosever it is."
    )
    sign_in_with_passkey: account_mutations.SessionPayload = mutation(
        passkey_mutations.sign_in_with_passkey, "Begins a session with a passkey's answer."
    )
    revoke_passkey: passkey_mutations.PasskeyPayload = mutation(
        passkey_mutations.revoke_passkey, "Makes one of the viewer's passkeys useless. Sessions that it began stay."
    )
    create_post: content_mutations.PostPayload = mutation(
        content_mutations.create_post, "Posts a text, perhaps as a reply or with a quote."
    )
    edit_post: content_mutations.PostPayload = mutation(
        content_mutations.edit_post, "Changes what one's own post says."
    )
    delete_post: content_mutations.DeletePostPayload = mutation(
        content_mutations.delete_post, "Deletes one's own post. Its tips and its replies stay."
    )
    like_post: content_mutations.PostPayload = mutation(
        content_mutations.like_post, "Likes a post, or no longer. Saying it twice changes nothing more."
    )
    repost_post: content_mutations.PostPayload = mutation(
        content_mutations.repost_post, "Reposts a post, or no longer. Saying it twice changes nothing more."
    )
    follow_user: content_mutations.UserPayload = mutation(
        content_mutations.follow_user, "Follows a person, or no longer. Saying it twice changes nothing more."
    )
    block_user: content_mutations.UserPayload = mutation(
        content_mutations.block_user, "Blocks a person, which also ends following both ways; or no longer."
    )
    tip_post: money_mutations.TipPostPayload = mutation(
        money_mutations.tip_post, "Tips a post from the viewer's wallet."
    )
    send_money: money_mutations.PaymentPayload = mutation(
        money_mutations.send_money, "Sends money from the viewer's wallet to another person's."
    )
    refund_transfer: money_mutations.RefundPayload = mutation(
        money_mutations.refund_transfer, "Gives back a tip or a payment that the viewer received, fee included."
    )
    top_up_wallet: money_mutations.RailTransferPayload = mutation(
        money_mutations.top_up_wallet, "Draws money from a funding source into the viewer's wallet."
    )
    withdraw: money_mutations.RailTransferPayload = mutation(
        money_mutations.withdraw, "Sends money from the viewer's wallet to a card or a bank account."
    )
    cancel_withdrawal: money_mutations.RailTransferPayload = mutation(
        money_mutations.cancel_withdrawal, "Takes back a STANDARD withdrawal that has not left yet."
    )
    link_card: funding_mutations.FundingSourcePayload = mutation(
        funding_mutations.link_card, "Links a debit card whose number is in the vault. Needs a session."
    )
    link_bank_account: funding_mutations.FundingSourcePayload = mutation(
        funding_mutations.link_bank_account,
        "Links a bank account, to which two small amounts are then sent. Needs a session.",
    )
    verify_bank_account: funding_mutations.FundingSourcePayload = mutation(
        funding_mutations.verify_bank_account,
        "Shows by the two amounts that a bank account is the viewer's. Needs a session.",
    )
    remove_funding_source: funding_mutations.FundingSourcePayload = mutation(
        funding_mutations.remove_funding_source, "Removes one of the viewer's cards or bank accounts. Needs a session."
    )
