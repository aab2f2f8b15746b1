"""Telling other servers what happened (contract.md section 8).

Owns endpoints and what they may be (`endpoints.create`, `wishes`, `secrets`), one worker's turn at each (`leases`), the
courier that sends what is due (`courier.send_due`, `attempts`), and deliveries as their owners see them. Events enter
through `record.outbox`, in the transaction of their cause.
"""
