package io.tandem.server.http;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.impl.HttpServerConnection;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Closes a connection whose client takes nothing of what is written to it. One with nothing to write may be quiet. */
final class StuckWrites extends IdleStateHandler {
    private static final Logger LOG = LoggerFactory.getLogger(StuckWrites.class);

    private StuckWrites(int seconds) {
        super(true, 0, TimeUnit.SECONDS.toMillis(seconds) / 2, 0, TimeUnit.MILLISECONDS);
    }

    static void watch(HttpConnection connection, int seconds) {
        // Vert.x has idle timeouts of its own, but they cannot tell these two apart.
        ((HttpServerConnection) connection).channelHandlerContext().pipeline().addFirst(new StuckWrites(seconds));
    }

    @Override
    protected void channelIdle(ChannelHandlerContext context, IdleStateEvent event) {
        ChannelOutboundBuffer unsent = context.channel().unsafe().outboundBuffer();
        // The first event comes after a write, whether the client has taken something since or not.
        if (!event.isFirst() && unsent != null && !unsent.isEmpty()) {
            LOG.info(
                    "the connection of {} is closed: its client has taken nothing for some time (http.write-timeout)",
                    context.channel().remoteAddress());
            ChannelFuture unused = context.close();
        }
    }
}
