"""What monitor is made of: the window, its checks, what is kept between windows, report, alerts."""
