package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tandem.server.config.HttpAccess;
import io.tandem.server.config.HttpConfig;
import io.tandem.server.config.HttpConfig.OnUnknownField;
import io.tandem.server.config.HttpLimits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ListenAddressTest {
    private static HttpConfig listen(String host, boolean anonymous) {
        HttpAccess access = new HttpAccess(Set.of(), Set.of(), Optional.empty(), anonymous);
        return new HttpConfig(host, 0, 1024, 1024, 0, OnUnknownField.IGNORE, access, HttpLimits.DEFAULT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "127.0.0.1", "127.8.9.10", "127.1", "::1", "[::1]", "::ffff:127.0.0.1"})
    void loopbackNeedsNothing(String host) throws Exception {
        String address = ListenAddress.resolve(listen(host, false), false);
        assertThat(InetAddress.getByName(address).isLoopbackAddress()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "0", "::", "192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7"})
    void otherAddressesNeedAKeyOrAWord(String host) throws Exception {
        assertThatThrownBy(() -> ListenAddress.resolve(listen(host, false), false))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(host)
                .hasMessageContaining("TANDEM_API_KEY")
                .hasMessageContaining("http.api-key")
                .hasMessageContaining("--allow-anonymous")
                .hasMessageContaining("http.allow-anonymous: true");
        String address = InetAddress.getByName(host).getHostAddress();
        assertThat(ListenAddress.resolve(listen(host, false), true)).isEqualTo(address);
        assertThat(ListenAddress.resolve(listen(host, true), false)).isEqualTo(address);
    }

    @Test
    void aPortThatIsTakenIsSaidBeforeAModelIsLoaded() throws Exception {
        int port;
        try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = other.getLocalPort();
            assertThatThrownBy(() -> ListenAddress.requireFree("127.0.0.1", port))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("port " + port)
                    .hasMessageContaining("Address already in use")
                    .hasMessageContaining("--port");
        }
        ListenAddress.requireFree("127.0.0.1", port);
        ListenAddress.requireFree("127.0.0.1", 0);
    }

    @Test
    void namesThatDoNotExistAreSaidToBeSo() {
        assertThatThrownBy(() -> ListenAddress.resolve(listen("nowhere.invalid", false), false))
                .hasMessage("http.host is nowhere.invalid, which has no address");
    }
}
