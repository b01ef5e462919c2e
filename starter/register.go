package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

func (c *commands) registerCommand() *cobra.Command {
	return cli.Group("register", "Register a certificate step by step, as a citizen does",
		c.registerStartCommand(), c.otpCommand(), c.accountCommand(), c.packageCommand(), c.payCommand(),
		c.codeCommand("contract", "Agree to the contract by one-time code", (*apiclient.Client).Consent),
		c.correctCommand(),
		c.codeCommand("activate", "Activate the key by one-time code, after the PIN on the phone", (*apiclient.Client).Activate),
		c.acceptCommand(), c.withdrawCommand())
}

const registrationID = "the ID of a registration"

func (c *commands) registerStartCommand() *cobra.Command {
	var token, key string
	var watch bool
	cmd := &cobra.Command{Use: "start", Short: "Come from VNeID with a one-time token; -o ids prints the registration", Args: cli.Exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if token == "" {
				return cli.Usage("--token is required: what VNeID gave the citizen's app")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			accepted, raw, err := client.HandOff(cmd.Context(), orNewKey(key), token)
			if err != nil {
				return err
			}
			if watch {
				c.Say("Yêu cầu đăng ký %s", "Registration %s", accepted.RegistrationID)
				return c.watchRegistration(cmd.Context(), client, accepted.RegistrationID, 0)
			}
			return c.Print(raw, []string{accepted.RegistrationID}, func(w io.Writer) { cli.Row(w, accepted.RegistrationID, accepted.Status) })
		}}
	cmd.Flags().StringVar(&token, "token", "", "the one-time token (required)")
	cmd.Flags().BoolVar(&watch, "watch", false, "follow the registration until its end")
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) otpCommand() *cobra.Command {
	var purpose, phone, key string
	cmd := &cobra.Command{Use: "otp ID", Short: "Send a one-time code to the phone", Args: cli.Exactly(1, registrationID),
		RunE: func(cmd *cobra.Command, args []string) error {
			if purpose == "" && phone != "" {
				purpose = "account"
			}
			if !slices.Contains([]string{"account", "contract", "activation"}, purpose) {
				return cli.Usage("--purpose: account (with --phone), contract or activation")
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			sent, raw, err := client.SendCode(cmd.Context(), orNewKey(key), args[0], purpose, phone)
			if err != nil {
				return err
			}
			return c.Print(raw, args, func(w io.Writer) {
				cli.Row(w, c.Text("Hiệu lực đến", "Good until"), cli.Shown(sent.ExpiresAt))
				cli.Row(w, c.Text("Gửi lại được từ", "Another one from"), cli.Shown(sent.ResendAfter))
			})
		}}
	cmd.Flags().StringVar(&phone, "phone", "", "the citizen's mobile number; means --purpose account")
	cmd.Flags().StringVar(&purpose, "purpose", "", "account, contract or activation")
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) accountCommand() *cobra.Command {
	var code, email, file, key string
	cmd := &cobra.Command{Use: "account ID", Short: "Prove the phone and open the account, or log in", Args: cli.Exactly(1, registrationID),
		RunE: func(cmd *cobra.Command, args []string) error {
			if email == "" || file == "" {
				return cli.Usage("--email and --password-file are required")
			}
			password, err := c.secret(file)
			if err != nil {
				return err
			}
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				return client.OpenAccount(cmd.Context(), orNewKey(key), args[0], code, email, password)
			})
		}}
	cmd.Flags().StringVar(&code, "code", "", "the one-time code; may be left out for 30 minutes after it was accepted")
	cmd.Flags().StringVar(&email, "email", "", "e-mail address (required)")
	cmd.Flags().StringVar(&file, "password-file", "", "file with the password in its first line, - for stdin (required)")
	keyFlag(cmd, &key)
	return cmd
}

// secret reads the first line of a file; a secret on the command line would be seen by others.
func (c *commands) secret(file string) (string, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(io.LimitReader(c.In, 4096))
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", cli.Usage("%v", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

func (c *commands) packageCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "package ID CODE", Short: "Order a package", Args: cli.Exactly(2, registrationID+" and the CODE of a package"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				return client.ChoosePackage(cmd.Context(), orNewKey(key), args[0], args[1])
			})
		}}
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) payCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "pay ID", Short: "Begin an attempt to pay and print where; -o ids prints its reference", Args: cli.Exactly(1, registrationID),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			link, raw, err := client.Pay(cmd.Context(), orNewKey(key), args[0])
			if err != nil {
				return err
			}
			c.Say("Thanh toán %s trước %s:", "Pay %s before %s:", link.TxnRef, cli.Shown(link.ExpiresAt))
			return c.Print(raw, []string{link.TxnRef}, func(w io.Writer) { cli.Row(w, link.PayURL) })
		}}
	keyFlag(cmd, &key)
	return cmd
}

// codeCommand is an act that a one-time code confirms.
func (c *commands) codeCommand(name, short string, do func(*apiclient.Client, context.Context, string, string, string) (apiclient.RegistrationMove, apiclient.Raw, error)) *cobra.Command {
	var code, key string
	cmd := &cobra.Command{Use: name + " ID", Short: short, Args: cli.Exactly(1, registrationID),
		RunE: func(cmd *cobra.Command, args []string) error {
			if code == "" {
				return cli.Usage("--code is required: ask for one with \"kyso register otp\"")
			}
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				return do(client, cmd.Context(), orNewKey(key), args[0], code)
			})
		}}
	cmd.Flags().StringVar(&code, "code", "", "the one-time code (required)")
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) correctCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "correct ID FIELD=VALUE…", Short: "Correct the fields that the officer asked for",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("expected %s and one FIELD=VALUE or more", registrationID)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := assignments(args[1:])
			if err != nil {
				return err
			}
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				return client.Correct(cmd.Context(), orNewKey(key), args[0], fields)
			})
		}}
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) acceptCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "accept ID", Short: "Have the phone ask again to sign the acceptance record", Args: cli.Exactly(1, registrationID),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				return client.SignAcceptance(cmd.Context(), orNewKey(key), args[0])
			})
		}}
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) withdrawCommand() *cobra.Command {
	var reason, key string
	cmd := &cobra.Command{Use: "withdraw ID", Short: "Withdraw the request; kyso refunds what was paid and revokes what was issued", Args: cli.Exactly(1, registrationID),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(func(client *apiclient.Client) (apiclient.Move, apiclient.Raw, error) {
				return client.Withdraw(cmd.Context(), orNewKey(key), args[0], "", reason)
			})
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in a few words without personal data; they stay in the history")
	keyFlag(cmd, &key)
	return cmd
}
