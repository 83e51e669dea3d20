"""Networks that are not there: what they would answer, over real sockets and in their own formats.

It imports nothing of ours. Two who misread a specification alike would agree with each other, and with nobody else.
"""
