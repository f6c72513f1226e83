package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.client.JobsCommand;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A server with a certificate, which is replaced while it runs. */
@Timeout(120)
@DisabledOnOs(OS.WINDOWS)
class TlsIT {
    private static final int TIMEOUT_MILLIS = 20_000;

    @TempDir
    private Path directory;

    private Path certificate;
    private Path key;

    private String settings() {
        certificate = directory.resolve("certificate.pem");
        key = directory.resolve("key.pem");
        return "tls: {certificate: " + certificate + ", key: " + key + "}\n";
    }

    private static SSLSocket connect(ServeProcess server, SSLContext trust) throws IOException {
        SSLSocket socket = (SSLSocket) trust.getSocketFactory().createSocket("127.0.0.1", server.port());
        socket.setSoTimeout(TIMEOUT_MILLIS);
        socket.startHandshake();
        return socket;
    }

    private static String name(SSLSocket socket) throws IOException {
        X509Certificate shown = (X509Certificate) socket.getSession().getPeerCertificates()[0];
        return shown.getSubjectX500Principal().getName().replace("CN=", "");
    }

    /** One request of several on a connection. */
    private static void ask(SSLSocket socket) throws IOException {
        socket.getOutputStream()
                .write("GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        StringBuilder answer = new StringBuilder();
        InputStream in = socket.getInputStream();
        while (!answer.toString().endsWith("}")) {
            int next = in.read();
            assertThat(next).as(answer.toString()).isNotNegative();
            answer.append((char) next);
        }
        assertThat(answer.toString()).startsWith("HTTP/1.1 200 OK");
    }

    /** What {@code tandem jobs list} says. */
    private static String jobs(String url) {
        StringWriter text = new StringWriter();
        new CommandLine(new JobsCommand())
                .setErr(new PrintWriter(text))
                .setExecutionExceptionHandler((failure, command, parsed) -> {
                    command.getErr().println(failure.getMessage());
                    return 1;
                })
                .execute("list", "--url", url);
        return text.toString();
    }

    private String awaitName(ServeProcess server, SSLContext trust, String name) throws Exception {
        String shown = "";
        while (!shown.equals(name)) {
            try (SSLSocket socket = connect(server, trust)) {
                shown = name(socket);
                ask(socket);
            }
            Thread.sleep(50);
        }
        return shown;
    }

    @Test
    void aNewCertificateTakesOverWithoutDroppingConnections() throws Exception {
        TestCertificate first = TestCertificate.make(directory, "first");
        TestCertificate second = TestCertificate.make(directory, "second");
        SSLContext trust = TestCertificate.trusting(first, second);
        String settings = settings();
        Files.writeString(certificate, first.certificatePem());
        Files.writeString(key, first.keyPem());
        try (ServeProcess server = ServeProcess.start(directory, settings);
                Socket silent = new Socket("127.0.0.1", server.port());
                SSLSocket old = connect(server, trust)) {
            silent.setSoTimeout(TIMEOUT_MILLIS);
            assertThat(name(old)).isEqualTo("first");
            assertThat(old.getSession().getProtocol()).startsWith("TLSv1.");
            ask(old);
            assertThat(server.log()).contains("listening on https://127.0.0.1:", "certificate of CN=first");

            // Between the two writes they do not belong together.
            Files.writeString(certificate, second.certificatePem());
            server.awaitLog("TLS goes on with the certificate of CN=first");
            try (SSLSocket between = connect(server, trust)) {
                assertThat(name(between)).isEqualTo("first");
                ask(between);
            }
            Files.writeString(key, second.keyPem());
            assertThat(awaitName(server, trust, "second")).isEqualTo("second");
            assertThat(server.log()).contains("TLS from now on with the certificate of CN=second");
            ask(old);
            assertThat(name(old)).as("it was not dropped").isEqualTo("first");

            Files.writeString(key, "no key");
            server.awaitLog("TLS goes on with the certificate of CN=second");
            assertThat(awaitName(server, trust, "second")).isEqualTo("second");

            // What does not speak TLS gets no answer, and does no harm.
            try (Socket plain = new Socket("127.0.0.1", server.port())) {
                plain.setSoTimeout(TIMEOUT_MILLIS);
                plain.getOutputStream()
                        .write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(new String(plain.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1))
                        .doesNotContain("HTTP");
            }
            assertThat(jobs("http://127.0.0.1:" + server.port())).contains("--url https://");
            assertThat(jobs("https://127.0.0.1:" + server.port())).contains("certificate that Java does not trust");
            assertThat(silent.getInputStream().readAllBytes())
                    .as("a handshake has its time")
                    .isEmpty();
            ask(old);
            server.terminate();
            assertThat(server.awaitEnd()).as(server.log()).isZero();
        }
    }

    @Test
    void filesThatCannotBeUsedKeepItFromStarting() throws Exception {
        TestCertificate first = TestCertificate.make(directory, "first");
        TestCertificate second = TestCertificate.make(directory, "second");
        String settings = settings();
        Files.writeString(certificate, first.certificatePem());
        Files.writeString(key, second.keyPem());
        try (ServeProcess server = ServeProcess.begin(directory, settings)) {
            assertThat(server.awaitEnd()).isEqualTo(1);
            assertThat(server.log())
                    .contains("tls.certificate, tls.key", "the key is another certificate's")
                    .doesNotContain("\tat ");
        }
    }
}
