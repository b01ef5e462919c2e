# What images over Alpine use: BusyBox as the shell, its own names for making accounts, and a package manager that has
# everything installed already.
FROM kyso-standin/debian
RUN ln -sf busybox /bin/sh && ln -s busybox /bin/wget && \
    printf '#!/bin/sh\nexit 0\n' >/sbin/apk && \
    printf '#!/bin/sh\nexec groupadd -g "$2" "$3"\n' >/usr/local/sbin/addgroup && \
    printf '#!/bin/sh\nexec useradd -m -u "$2" -g "$4" "$6"\n' >/usr/local/sbin/adduser && \
    chmod 755 /sbin/apk /usr/local/sbin/addgroup /usr/local/sbin/adduser
CMD ["/bin/sh"]
