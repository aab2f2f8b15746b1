"""For proxies: may this request pass?"""
