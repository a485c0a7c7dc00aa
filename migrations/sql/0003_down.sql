-- Takes away what 0003_up made.
drop table erasure, consent, preference, address, account_key, account_attempt, account_mail, account_link,
  account_session, customer;
