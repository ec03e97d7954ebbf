"""How does Tenure do on real histories, against never retraining and against always retraining?

`make trial` plays two public data sets, week by week, through the real flows on a real Prefect
server, and judges who served when. Nothing here is chosen by looking at what comes later, except
the blind policy that Tenure is compared with: the best of its spans is chosen afterwards.
"""
